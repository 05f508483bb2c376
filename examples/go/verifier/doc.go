// Package verifier checks access tokens of authsvc in the process that receives them.
//
// It follows two streams of the server, keys and revocations, and judges a token from memory, by the
// rules that the vectors of the project write down. It is as sure of a token as the server was at most
// [Options.MaxStaleness] ago, and says [ErrStale] when it is not.
package verifier
