package verifier

import (
	"encoding/json"
	"os"
	"testing"
)

// The token is the first of the good ones. Nothing is remembered of a token, so that each check of it is
// like the first.
func goodToken(b *testing.B) (*Verifier, moment, string, *circumstances) {
	var read vectors
	var context circumstances
	text, err := os.ReadFile("../../../tests/vectors/accepted.json")
	if err != nil || strictly(text, &read) != nil || json.Unmarshal(read.Context, &context) != nil {
		b.Fatal("there are no vectors")
	}
	v, now := following(b, &context)
	return v, now, read.Cases[0].Token, &context
}

func BenchmarkVerify(b *testing.B) {
	v, now, token, context := goodToken(b)
	for b.Loop() {
		if decided, _ := decision(v, now, token, context); decided != "active" {
			b.Fatal(decided)
		}
	}
}

func BenchmarkSignature(b *testing.B) {
	v, _, token, _ := goodToken(b)
	parsed, _ := parseToken(token)
	check := (*v.ring.Load())[parsed.keyID].check
	for b.Loop() {
		if !check(parsed.signingInput, parsed.signature) {
			b.Fatal("the signature is wrong")
		}
	}
}
