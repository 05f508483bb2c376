package com.example.authsvc.verifier;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Reads JSON as a token may have it. What other readers let pass is refused: duplicate names, lone
 * surrogates, numbers beyond a double, unbounded nesting, and space around the value. Objects
 * become maps, arrays lists, and numbers remember how they were written.
 */
final class StrictJson {
  private static final int MAX_DEPTH = 8;
  private static final int MAX_NUMBER_LENGTH = 32;

  /** A JSON number as it is written. */
  record Number(String written) {}

  /** What null is read as, since a map is to tell it from a member that is not there. */
  static final Object NULL = new Object();

  private static final class Malformed extends Exception {
    Malformed() {
      super(null, null, false, false);
    }
  }

  private final String text;
  private int at;

  private StrictJson(String text) {
    this.text = text;
  }

  /** Reads bytes that are one strict JSON object and nothing else; empty if they are not. */
  static Optional<Map<String, Object>> readObject(byte[] bytes) {
    try {
      var decoder = StandardCharsets.UTF_8.newDecoder(); // which refuses what is not UTF-8
      var reader = new StrictJson(decoder.decode(ByteBuffer.wrap(bytes)).toString());
      var object = reader.object(1);
      return reader.at == reader.text.length() ? Optional.of(object) : Optional.empty();
    } catch (CharacterCodingException | Malformed e) {
      return Optional.empty();
    }
  }

  private Object value(int depth) throws Malformed {
    return switch (peek()) {
      case '"' -> string();
      case '{' -> object(depth + 1);
      case '[' -> array(depth + 1);
      case 't' -> word("true", true);
      case 'f' -> word("false", false);
      case 'n' -> word("null", NULL);
      default -> number();
    };
  }

  private Map<String, Object> object(int depth) throws Malformed {
    var members = new HashMap<String, Object>();
    open('{', depth);
    if (take('}')) {
      return members;
    }
    do {
      skipSpace();
      String name = string();
      skipSpace();
      require(take(':'));
      skipSpace();
      require(members.put(name, value(depth)) == null);
      skipSpace();
    } while (take(','));
    require(take('}'));
    return members;
  }

  private List<Object> array(int depth) throws Malformed {
    var values = new ArrayList<>();
    open('[', depth);
    if (take(']')) {
      return values;
    }
    do {
      skipSpace();
      values.add(value(depth));
      skipSpace();
    } while (take(','));
    require(take(']'));
    return values;
  }

  private void open(char bracket, int depth) throws Malformed {
    require(depth <= MAX_DEPTH && take(bracket));
    skipSpace();
  }

  private String string() throws Malformed {
    require(take('"'));
    var read = new StringBuilder();
    for (char c = next(); c != '"'; c = next()) {
      require(c >= ' ');
      read.append(c == '\\' ? escape() : c);
    }
    requirePairs(read);
    return read.toString();
  }

  private char escape() throws Malformed {
    char c = next();
    return switch (c) {
      case '"', '\\', '/' -> c;
      case 'b' -> '\b';
      case 'f' -> '\f';
      case 'n' -> '\n';
      case 'r' -> '\r';
      case 't' -> '\t';
      case 'u' -> hexadecimal();
      default -> throw new Malformed();
    };
  }

  private char hexadecimal() throws Malformed {
    int unit = 0;
    for (int i = 0; i < 4; i++) {
      char c = next();
      int digit = c < 0x80 ? Character.digit(c, 16) : -1;
      require(digit >= 0);
      unit = unit << 4 | digit;
    }
    return (char) unit;
  }

  /** Refuses half a surrogate pair, which is no text (RFC 8259, 8.2). */
  private static void requirePairs(CharSequence read) throws Malformed {
    for (int i = 0; i < read.length(); i++) {
      if (Character.isSurrogate(read.charAt(i))) {
        require(
            i + 1 < read.length() && Character.isSurrogatePair(read.charAt(i), read.charAt(i + 1)));
        i++;
      }
    }
  }

  private Number number() throws Malformed {
    int start = at;
    take('-');
    require(take('0') || digits());
    require(!take('.') || digits());
    if (take('e') || take('E')) {
      if (!take('+')) {
        take('-');
      }
      require(digits());
    }
    String written = text.substring(start, at);
    require(
        written.length() <= MAX_NUMBER_LENGTH && !Double.isInfinite(Double.parseDouble(written)));
    return new Number(written);
  }

  private boolean digits() {
    int start = at;
    while ('0' <= peek() && peek() <= '9') {
      at++;
    }
    return at > start;
  }

  private Object word(String word, Object value) throws Malformed {
    require(text.startsWith(word, at));
    at += word.length();
    return value;
  }

  private void skipSpace() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') {
      at++;
    }
  }

  /** The character that is next; NUL, which no value begins with, at the end. */
  private char peek() {
    return at < text.length() ? text.charAt(at) : '\0';
  }

  private char next() throws Malformed {
    require(at < text.length());
    return text.charAt(at++);
  }

  private boolean take(char c) {
    boolean taken = peek() == c;
    at += taken ? 1 : 0;
    return taken;
  }

  private static void require(boolean holds) throws Malformed {
    if (!holds) {
      throw new Malformed();
    }
  }
}
