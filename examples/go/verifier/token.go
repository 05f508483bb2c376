package verifier

import (
	"encoding/base64"
	"strings"
)

// maxTokenBytes is the longest token that is looked at.
const maxTokenBytes = 8192

// strictBase64 refuses padding and unused bits that are not 0, so that bytes have one spelling.
var strictBase64 = base64.RawURLEncoding.Strict()

// signedToken is a token that is well-formed, and as yet neither authentic nor valid.
type signedToken struct {
	algorithm, keyID string
	payload          map[string]any
	signingInput     []byte
	signature        []byte
}

// parseToken takes a token apart; of all its spellings one is accepted.
func parseToken(token string) (*signedToken, bool) {
	if len(token) > maxTokenBytes {
		return nil, false
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, false
	}
	header, ok := decodeObject(parts[0])
	if !ok || len(header) != 3 {
		return nil, false
	}
	typ, _ := header["typ"].(string)
	if typ != "at+jwt" && typ != "application/at+jwt" {
		return nil, false
	}
	algorithm, isText := header["alg"].(string)
	keyID, isNamed := header["kid"].(string)
	payload, isObject := decodeObject(parts[1])
	signature, isSigned := decodeBase64(parts[2])
	return &signedToken{
		algorithm:    algorithm,
		keyID:        keyID,
		payload:      payload,
		signingInput: []byte(token[:len(parts[0])+1+len(parts[1])]),
		signature:    signature,
	}, isText && isNamed && isObject && isSigned
}

func decodeObject(part string) (map[string]any, bool) {
	text, ok := decodeBase64(part)
	if !ok {
		return nil, false
	}
	object, err := readObject(text)
	return object, err == nil
}

// decodeBase64 decodes base64url without padding (RFC 7515, 2).
func decodeBase64(text string) ([]byte, bool) {
	// The decoder of the standard library skips line ends.
	if text == "" || strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	decoded, err := strictBase64.DecodeString(text)
	return decoded, err == nil
}
