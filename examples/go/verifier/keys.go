package verifier

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"math/big"

	authnv1 "example.com/authsvc/gen/authn/v1"
)

const rsaMinBits = 2048 // RFC 7518, 3.3

// halfP256Order is half the order of P-256, big-endian. Of the signatures (r, s) and (r, n - s), both
// good, the one with the lower s is accepted.
var halfP256Order = new(big.Int).Rsh(elliptic.P256().Params().N, 1).FillBytes(make([]byte, 32))

// verificationKey checks the signatures of one algorithm.
type verificationKey struct {
	algorithm string
	check     func(signingInput, signature []byte) bool
}

// keyRing holds keys by their `kid`. It never changes; a new one replaces it.
type keyRing map[string]verificationKey

// readKeys reads keys as the server gives them. One that is unsound, or of a kind that is not known
// yet, is left out: only its own tokens are lost.
func readKeys(jwks []*authnv1.JsonWebKey) keyRing {
	ring := keyRing{}
	for _, jwk := range jwks {
		key, err := readKey(jwk)
		if err != nil {
			slog.Warn("a key of the server was left out", "kid", jwk.GetKid(), "cause", err)
			continue
		}
		ring[jwk.GetKid()] = key
	}
	return ring
}

func readKey(jwk *authnv1.JsonWebKey) (key verificationKey, err error) {
	if use := jwk.GetUse(); use != "" && use != "sig" {
		return key, fmt.Errorf("it is for %q", use)
	}
	kind := [3]string{jwk.GetKty(), jwk.GetCrv(), jwk.GetAlg()}
	canonical := ""
	switch kind {
	case [3]string{"OKP", "Ed25519", "EdDSA"}:
		key, err = ed25519Key(jwk)
		canonical = fmt.Sprintf(`{"crv":"Ed25519","kty":"OKP","x":"%s"}`, jwk.GetX())
	case [3]string{"EC", "P-256", "ES256"}:
		key, err = p256Key(jwk)
		canonical = fmt.Sprintf(`{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}`, jwk.GetX(), jwk.GetY())
	case [3]string{"RSA", "", "RS256"}:
		key, err = rsaKey(jwk)
		canonical = fmt.Sprintf(`{"e":"%s","kty":"RSA","n":"%s"}`, jwk.GetE(), jwk.GetN())
	default:
		err = fmt.Errorf("kty, crv and alg are %q", kind)
	}
	if err != nil {
		return key, err
	}
	// RFC 7638: a key that is named by its thumbprint can't be given the name of another.
	digest := sha256.Sum256([]byte(canonical))
	if jwk.GetKid() != base64.RawURLEncoding.EncodeToString(digest[:]) {
		return key, fmt.Errorf("its name is not its thumbprint")
	}
	return key, nil
}

func ed25519Key(jwk *authnv1.JsonWebKey) (verificationKey, error) {
	x, ok := decodeBase64(jwk.GetX())
	if !ok || len(x) != ed25519.PublicKeySize {
		return verificationKey{}, fmt.Errorf("x is not 32 bytes")
	}
	check := func(signingInput, signature []byte) bool {
		return ed25519.Verify(x, signingInput, signature)
	}
	return verificationKey{"EdDSA", check}, nil
}

func p256Key(jwk *authnv1.JsonWebKey) (verificationKey, error) {
	x, okX := decodeBase64(jwk.GetX())
	y, okY := decodeBase64(jwk.GetY())
	if !okX || !okY || len(x) != 32 || len(y) != 32 {
		return verificationKey{}, fmt.Errorf("x and y are not 32 bytes each")
	}
	point := bytes.Join([][]byte{{4}, x, y}, nil)
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return verificationKey{}, err
	}
	check := func(signingInput, signature []byte) bool {
		if len(signature) != 64 || bytes.Compare(signature[32:], halfP256Order) > 0 {
			return false
		}
		digest := sha256.Sum256(signingInput)
		r := new(big.Int).SetBytes(signature[:32])
		s := new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(key, digest[:], r, s)
	}
	return verificationKey{"ES256", check}, nil
}

func rsaKey(jwk *authnv1.JsonWebKey) (verificationKey, error) {
	n, okN := decodeBase64(jwk.GetN())
	e, okE := decodeBase64(jwk.GetE())
	if !okN || !okE || n[0] == 0 || e[0] == 0 || len(e) > 4 {
		return verificationKey{}, fmt.Errorf("n or e is not spelt canonically")
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	if key.N.BitLen() < rsaMinBits {
		return verificationKey{}, fmt.Errorf("it has fewer than %d bits", rsaMinBits)
	}
	check := func(signingInput, signature []byte) bool {
		digest := sha256.Sum256(signingInput)
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
	}
	return verificationKey{"RS256", check}, nil
}
