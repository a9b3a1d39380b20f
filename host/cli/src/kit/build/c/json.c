// JSON for plugins in C: one value out of an object, and text put into one. tollgate.h says what each is for.
//
// Written by `tollgate plugin build`: changes here are lost. The host hands in JSON, so this does not check that it is:
// of any other bytes it makes some value or none. It never reads past a text's end, and never recurses.

#include "tollgate.h"

#include <stdlib.h>
#include <string.h>

// A place in a text; `at` stays at or before `end`.
typedef struct {
  const uint8_t *at, *end;
} cursor;

static int peek(const cursor *c) { return c->at < c->end ? *c->at : -1; }

static void skip_space(cursor *c) {
  while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\r' || *c->at == '\t')) c->at++;
}

static bool take(cursor *c, int byte) {
  skip_space(c);
  if (peek(c) != byte) return false;
  c->at++;
  return true;
}

// Passes over a string, quotes included, and says what is between them.
static bool skip_string(cursor *c, tg_text *inside) {
  if (!take(c, '"')) return false;
  inside->ptr = (uint8_t *)c->at;
  while (c->at < c->end && *c->at != '"') c->at += *c->at == '\\' && c->end - c->at > 1 ? 2 : 1;
  inside->len = (size_t)(c->at - inside->ptr);
  return take(c, '"');
}

// Passes over a value of any kind.
static bool skip_value(cursor *c, tg_text *value) {
  skip_space(c);
  const uint8_t *start = c->at;
  size_t depth = 0;
  do {
    skip_space(c);
    int byte = peek(c);
    tg_text inside;
    if (byte == '"') {
      if (!skip_string(c, &inside)) return false;
    } else if (byte == '{' || byte == '[') {
      depth++, c->at++;
    } else if (byte == '}' || byte == ']') {
      if (depth == 0) return false;
      depth--, c->at++;
    } else if (byte == ',' || byte == ':') {
      if (depth == 0) return false;
      c->at++;
    } else {
      const uint8_t *word = c->at;
      while (c->at < c->end && *c->at > ' ' && !memchr(",:{}[]\"", *c->at, 7)) c->at++;
      // Neither a word nor anything else: the text has ended, or is no JSON.
      if (c->at == word) return false;
    }
  } while (depth > 0);
  *value = (tg_text){(uint8_t *)start, (size_t)(c->at - start)};
  return true;
}

static int hex(const uint8_t *digits) {
  int value = 0;
  for (int i = 0; i < 4; i++) {
    int digit = digits[i] >= '0' && digits[i] <= '9'   ? digits[i] - '0'
                : digits[i] >= 'a' && digits[i] <= 'f' ? digits[i] - 'a' + 10
                : digits[i] >= 'A' && digits[i] <= 'F' ? digits[i] - 'A' + 10
                                                       : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

static uint8_t *put_utf8(uint8_t *to, uint32_t code) {
  if (code < 0x80) {
    *to++ = (uint8_t)code;
    return to;
  }
  if (code < 0x800) {
    *to++ = (uint8_t)(0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      *to++ = (uint8_t)(0xe0 | code >> 12);
    } else {
      *to++ = (uint8_t)(0xf0 | code >> 18);
      *to++ = (uint8_t)(0x80 | (code >> 12 & 0x3f));
    }
    *to++ = (uint8_t)(0x80 | (code >> 6 & 0x3f));
  }
  *to++ = (uint8_t)(0x80 | (code & 0x3f));
  return to;
}

// What stands between a string's quotes, its escapes taken off. No escape is shorter than what it stands for.
static bool unescape(tg_text inside, tg_text *text) {
  if (!inside.len || !memchr(inside.ptr, '\\', inside.len)) {
    *text = inside;
    return true;
  }
  static const char FROM[] = "\"\\/bfnrt", TO[] = "\"\\/\b\f\n\r\t";
  uint8_t *made = tg_scratch(inside.len), *to = made;
  const uint8_t *at = inside.ptr, *end = inside.ptr + inside.len;
  while (at < end) {
    if (*at != '\\') {
      *to++ = *at++;
      continue;
    }
    if (end - at < 2) return false;
    const char *simple = at[1] ? strchr(FROM, at[1]) : NULL;
    if (simple) {
      *to++ = (uint8_t)TO[simple - FROM];
      at += 2;
      continue;
    }
    if (at[1] != 'u' || end - at < 6) return false;
    int unit = hex(at + 2);
    if (unit < 0) return false;
    at += 6;
    uint32_t code = (uint32_t)unit;
    if (unit >= 0xd800 && unit < 0xe000) {
      // Half of a pair; alone it is nothing, and shown as that.
      int low = unit < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u' ? hex(at + 2) : -1;
      code = 0xfffd;
      if (low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + (((uint32_t)unit - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
        at += 6;
      }
    }
    to = put_utf8(to, code);
  }
  *text = (tg_text){made, (size_t)(to - made)};
  return true;
}

bool tg_json_get(tg_text object, const char *key, tg_text *value) {
  cursor c = {object.ptr, object.ptr + object.len};
  bool found = false;
  tg_text last = {0};
  if (!take(&c, '{') || take(&c, '}')) return false;
  do {
    tg_text inside, name, held;
    if (!skip_string(&c, &inside) || !take(&c, ':') || !skip_value(&c, &held)) return false;
    if (!unescape(inside, &name)) return false;
    if (tg_is(name, key)) last = held, found = true;
  } while (take(&c, ','));
  if (!take(&c, '}') || !found) return false;
  *value = last;
  return true;
}

bool tg_json_text(tg_text object, const char *key, tg_text *value) {
  tg_text held, inside;
  if (!tg_json_get(object, key, &held)) return false;
  cursor c = {held.ptr, held.ptr + held.len};
  return skip_string(&c, &inside) && unescape(inside, value);
}

bool tg_json_number(tg_text object, const char *key, double *value) {
  tg_text held;
  if (!tg_json_get(object, key, &held) || !held.len) return false;
  // What else strtod takes (infinity, hexadecimal digits, a sign before) is no number in JSON.
  for (size_t i = 0; i < held.len; i++)
    if (!memchr("0123456789+-.eE", held.ptr[i], 15)) return false;
  if (held.ptr[0] == '+' || held.ptr[0] == '.') return false;
  tg_text number = tg_print("%.*s", TG_ARG(held));
  char *end;
  double read = strtod((char *)number.ptr, &end);
  if (end != (char *)number.ptr + number.len) return false;
  *value = read;
  return true;
}

bool tg_json_bool(tg_text object, const char *key, bool *value) {
  tg_text held;
  if (!tg_json_get(object, key, &held) || !(tg_is(held, "true") || tg_is(held, "false"))) return false;
  *value = tg_is(held, "true");
  return true;
}

tg_text tg_json_quote(tg_text text) {
  static const char DIGITS[] = "0123456789abcdef";
  // No byte becomes more than six.
  if (text.len > (SIZE_MAX - 2) / 6) __builtin_trap();
  uint8_t *made = tg_scratch(text.len * 6 + 2), *to = made;
  *to++ = '"';
  for (size_t i = 0; i < text.len; i++) {
    uint8_t byte = text.ptr[i];
    if (byte < 0x20) {
      memcpy(to, "\\u00", 4);
      to[4] = (uint8_t)DIGITS[byte >> 4], to[5] = (uint8_t)DIGITS[byte & 15];
      to += 6;
    } else {
      if (byte == '"' || byte == '\\') *to++ = '\\';
      *to++ = byte;
    }
  }
  *to++ = '"';
  return (tg_text){made, (size_t)(to - made)};
}
