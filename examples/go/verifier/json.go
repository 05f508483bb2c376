package verifier

import (
	"errors"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// What encoding/json lets pass and a token may not have: duplicate names, lone surrogates, invalid
// UTF-8, numbers beyond a float, unbounded nesting, and space around the value.

const (
	maxDepth        = 8
	maxNumberLength = 32
)

var errMalformed = errors.New("malformed")

// number is a JSON number as it is written.
type number string

// readObject reads a text that is one strict JSON object and nothing else.
func readObject(text []byte) (map[string]any, error) {
	r := reader{text: text}
	if !utf8.Valid(text) || !r.take('{') {
		return nil, errMalformed
	}
	object, err := r.object(1)
	if err != nil || r.at != len(text) {
		return nil, errMalformed
	}
	return object, nil
}

type reader struct {
	text []byte
	at   int
}

func (r *reader) peek() byte {
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

func (r *reader) take(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.at++
	return true
}

func (r *reader) skipSpace() {
	for r.at < len(r.text) {
		switch r.text[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}

func (r *reader) value(depth int) (any, error) {
	switch c := r.peek(); {
	case c == '"':
		r.at++
		return r.string()
	case c == '{' && depth < maxDepth:
		r.at++
		return r.object(depth + 1)
	case c == '[' && depth < maxDepth:
		r.at++
		return r.array(depth + 1)
	case c == '-' || isDigit(c):
		return r.number()
	case r.word("true"):
		return true, nil
	case r.word("false"):
		return false, nil
	case r.word("null"):
		return nil, nil
	}
	return nil, errMalformed
}

func (r *reader) word(word string) bool {
	end := r.at + len(word)
	if end > len(r.text) || string(r.text[r.at:end]) != word {
		return false
	}
	r.at = end
	return true
}

// object reads what follows the opening brace.
func (r *reader) object(depth int) (map[string]any, error) {
	members := make(map[string]any, 16)
	r.skipSpace()
	for !r.take('}') {
		if len(members) > 0 {
			if !r.take(',') {
				return nil, errMalformed
			}
			r.skipSpace()
		}
		name, value, err := r.member(depth)
		if _, known := members[name]; known || err != nil {
			return nil, errMalformed
		}
		members[name] = value
		r.skipSpace()
	}
	return members, nil
}

func (r *reader) member(depth int) (name string, value any, err error) {
	if !r.take('"') {
		return "", nil, errMalformed
	}
	if name, err = r.string(); err != nil {
		return "", nil, err
	}
	r.skipSpace()
	if !r.take(':') {
		return "", nil, errMalformed
	}
	r.skipSpace()
	value, err = r.value(depth)
	return name, value, err
}

// array reads what follows the opening bracket.
func (r *reader) array(depth int) ([]any, error) {
	values := []any{}
	r.skipSpace()
	for !r.take(']') {
		if len(values) > 0 {
			if !r.take(',') {
				return nil, errMalformed
			}
			r.skipSpace()
		}
		value, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
		r.skipSpace()
	}
	return values, nil
}

// string reads what follows the opening quote.
func (r *reader) string() (string, error) {
	start := r.at
	for r.at < len(r.text) && r.text[r.at] >= ' ' && r.text[r.at] != '\\' {
		if r.take('"') {
			return string(r.text[start : r.at-1]), nil
		}
		r.at++
	}
	return r.escaped(append([]byte(nil), r.text[start:r.at]...))
}

// escaped reads the rest of a string that has escapes.
func (r *reader) escaped(read []byte) (string, error) {
	for r.at < len(r.text) && r.text[r.at] >= ' ' {
		c := r.text[r.at]
		r.at++
		switch c {
		case '"':
			return string(read), nil
		case '\\':
			letter, ok := r.escape()
			if !ok {
				return "", errMalformed
			}
			read = utf8.AppendRune(read, letter)
		default:
			read = append(read, c)
		}
	}
	return "", errMalformed
}

// escape reads what follows a backslash.
func (r *reader) escape() (rune, bool) {
	c := r.peek()
	r.at++
	switch c {
	case '"', '\\', '/':
		return rune(c), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'u':
		return r.unicode()
	}
	return 0, false
}

// unicode reads four hexadecimal digits and, after the first half of a pair, the other one.
func (r *reader) unicode() (rune, bool) {
	unit, ok := r.hexadecimal()
	if !ok || !utf16.IsSurrogate(unit) {
		return unit, ok
	}
	if !r.take('\\') || !r.take('u') {
		return 0, false
	}
	second, ok := r.hexadecimal()
	letter := utf16.DecodeRune(unit, second)
	return letter, ok && letter != utf8.RuneError
}

func (r *reader) hexadecimal() (rune, bool) {
	if r.at+4 > len(r.text) {
		return 0, false
	}
	unit := rune(0)
	for _, c := range r.text[r.at : r.at+4] {
		switch {
		case isDigit(c):
			unit = unit<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			unit = unit<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	r.at += 4
	return unit, true
}

func (r *reader) number() (number, error) {
	start := r.at
	r.take('-')
	if !r.take('0') && !r.digits() {
		return "", errMalformed
	}
	if r.take('.') && !r.digits() {
		return "", errMalformed
	}
	if r.take('e') || r.take('E') {
		_ = r.take('+') || r.take('-')
		if !r.digits() {
			return "", errMalformed
		}
	}
	written := string(r.text[start:r.at])
	if len(written) > maxNumberLength {
		return "", errMalformed
	}
	if f, _ := strconv.ParseFloat(written, 64); math.IsInf(f, 0) {
		return "", errMalformed
	}
	return number(written), nil
}

func (r *reader) digits() bool {
	start := r.at
	for isDigit(r.peek()) {
		r.at++
	}
	return r.at > start
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
