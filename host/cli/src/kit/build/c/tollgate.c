// What stands between the bindings and a plugin in C, and its helpers: tollgate.h says what each is for.
//
// Written by `tollgate plugin build`: changes here are lost.

#include "tollgate.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Memory. What the host is handed back it frees with free(), so that is never scratch.

typedef struct block {
  struct block *next;
} block;
static block *blocks;

static void *allocate(size_t bytes) {
  void *memory = malloc(bytes ? bytes : 1);
  if (!memory) __builtin_trap();
  return memory;
}

void *tg_scratch(size_t bytes) {
  // Rounded so that what follows it is aligned for anything.
  const size_t head = _Alignof(max_align_t);
  if (bytes > SIZE_MAX - head) __builtin_trap();
  block *made = allocate(head + bytes);
  made->next = blocks;
  blocks = made;
  return (char *)made + head;
}

static void release(void) {
  while (blocks) {
    block *next = blocks->next;
    free(blocks);
    blocks = next;
  }
}

// Text.

tg_text tg_of(const char *string) { return (tg_text){(uint8_t *)string, strlen(string)}; }

bool tg_is(tg_text text, const char *word) {
  return text.len == strlen(word) && memcmp(text.ptr, word, text.len) == 0;
}

static tg_text print(void *(*memory)(size_t), const char *format, va_list args) {
  va_list again;
  va_copy(again, args);
  int length = vsnprintf(NULL, 0, format, args);
  // What it cannot print is a mistake of the plugin's, as an index out of bounds is.
  if (length < 0) __builtin_trap();
  char *text = memory((size_t)length + 1);
  vsnprintf(text, (size_t)length + 1, format, again);
  va_end(again);
  return (tg_text){(uint8_t *)text, (size_t)length};
}

#define PRINT(memory, format, into) \
  va_list args;                     \
  va_start(args, format);           \
  into = print(memory, format, args); \
  va_end(args)

tg_text tg_print(const char *format, ...) {
  tg_text text;
  PRINT(tg_scratch, format, text);
  return text;
}

tg_outcome tg_ok(void) { return (tg_outcome){.kind = -1}; }

tg_outcome tg_failed(const char *format, ...) {
  tg_outcome outcome = {.kind = EXPORTS_TOLLGATE_PLUGIN_HANDLER_FAILURE_FAILED};
  PRINT(allocate, format, outcome.why);
  return outcome;
}

tg_outcome tg_retry(const char *format, ...) {
  tg_outcome outcome = {.kind = EXPORTS_TOLLGATE_PLUGIN_HANDLER_FAILURE_RETRY};
  PRINT(allocate, format, outcome.why);
  return outcome;
}

tg_verdict tg_abstain(void) { return (tg_verdict){.kind = TOLLGATE_PLUGIN_TYPES_VERDICT_ABSTAIN}; }
tg_verdict tg_allow(void) { return (tg_verdict){.kind = TOLLGATE_PLUGIN_TYPES_VERDICT_ALLOW}; }

tg_verdict tg_deny(const char *format, ...) {
  tg_verdict verdict = {.kind = TOLLGATE_PLUGIN_TYPES_VERDICT_DENY};
  PRINT(allocate, format, verdict.text);
  return verdict;
}

tg_verdict tg_ask(const char *format, ...) {
  tg_verdict verdict = {.kind = TOLLGATE_PLUGIN_TYPES_VERDICT_ASK};
  PRINT(allocate, format, verdict.text);
  return verdict;
}

static tg_text copy(tg_text text) {
  tg_text made = {allocate(text.len), text.len};
  if (text.len) memcpy(made.ptr, text.ptr, text.len);
  return made;
}

tg_verdict tg_rewrite(tg_text input) {
  return (tg_verdict){.kind = TOLLGATE_PLUGIN_TYPES_VERDICT_REWRITE, .text = copy(input)};
}

tg_verdict tg_guard_failed(const char *format, ...) {
  tg_verdict verdict = {.kind = -1};
  PRINT(allocate, format, verdict.text);
  return verdict;
}

// The host.

void tg_log(tollgate_plugin_log_level_t level, const char *format, ...) {
  tg_text line;
  PRINT(tg_scratch, format, line);
  tollgate_plugin_log_write(level, &line);
}

bool tg_emit(const char *type, const char *format, ...) {
  tollgate_plugin_bus_draft_t draft = {.type = tg_of(type)};
  PRINT(tg_scratch, format, draft.payload);
  tollgate_plugin_bus_emit_error_t error = {0};
  if (tollgate_plugin_bus_emit(&draft, &error)) return true;
  tollgate_plugin_bus_emit_error_free(&error);
  return false;
}

// The functions that the host calls.

static size_t length(const char *const *list) {
  size_t count = 0;
  while (list && list[count]) count++;
  return count;
}

static bindings_list_string_t strings(const char *const *list) {
  bindings_list_string_t made = {NULL, length(list)};
  if (made.len) made.ptr = allocate(made.len * sizeof *made.ptr);
  for (size_t i = 0; i < made.len; i++) made.ptr[i] = copy(tg_of(list[i]));
  return made;
}

typedef exports_tollgate_plugin_lifecycle_capability_t capability;

static exports_tollgate_plugin_lifecycle_list_capability_t capabilities(const tg_capability *list) {
  exports_tollgate_plugin_lifecycle_list_capability_t made = {0};
  while (list && list[made.len].kind) made.len++;
  if (made.len) made.ptr = allocate(made.len * sizeof *made.ptr);
  for (size_t i = 0; i < made.len; i++) {
    capability *to = &made.ptr[i];
    memset(to, 0, sizeof *to);
    to->tag = (uint8_t)(list[i].kind - 1);
    switch (to->tag) {
      case EXPORTS_TOLLGATE_PLUGIN_LIFECYCLE_CAPABILITY_PROCESS:
        to->val.process.program = copy(tg_of(list[i].text));
        to->val.process.args = strings(list[i].args);
        break;
      case EXPORTS_TOLLGATE_PLUGIN_LIFECYCLE_CAPABILITY_DATA: to->val.data = list[i].bytes; break;
      default:
        // Those that have a text have it in one place.
        if (list[i].text) to->val.emit = copy(tg_of(list[i].text));
    }
  }
  return made;
}

static tg_text said(const char *string) { return copy(tg_of(string ? string : "")); }

void exports_tollgate_plugin_lifecycle_describe(exports_tollgate_plugin_lifecycle_description_t *to) {
  *to = (exports_tollgate_plugin_lifecycle_description_t){
    .name = said(tg_plugin.name),
    .version = said(tg_plugin.version),
    .summary = said(tg_plugin.summary),
    .subscriptions = strings(tg_plugin.subscriptions),
    .gates = strings(tg_plugin.gates),
    .needs = capabilities(tg_plugin.needs),
    .wants = capabilities(tg_plugin.wants),
    .config_schema = {.is_some = tg_plugin.config_schema != NULL},
  };
  if (tg_plugin.config_schema) to->config_schema.val = said(tg_plugin.config_schema);
}

__attribute__((weak)) tg_outcome tg_init(tg_text config) {
  (void)config;
  return tg_ok();
}
__attribute__((weak)) void tg_stop(void) {}

bool exports_tollgate_plugin_lifecycle_init(exports_tollgate_plugin_lifecycle_json_t *config, tg_text *error) {
  tg_outcome outcome = tg_init(*config);
  *error = outcome.why;
  exports_tollgate_plugin_lifecycle_json_free(config);
  release();
  return outcome.kind < 0;
}

void exports_tollgate_plugin_lifecycle_stop(void) {
  tg_stop();
  release();
}

bool exports_tollgate_plugin_handler_handle(tg_event *event, exports_tollgate_plugin_handler_failure_t *failure) {
  tg_outcome outcome = tg_handle(event);
  failure->tag = (uint8_t)outcome.kind;
  failure->val.failed = outcome.why;
  exports_tollgate_plugin_handler_event_free(event);
  release();
  return outcome.kind < 0;
}

#ifdef TOLLGATE_GUARD
bool exports_tollgate_plugin_gate_check(
    exports_tollgate_plugin_gate_tool_call_t *call, exports_tollgate_plugin_gate_verdict_t *to, tg_text *error) {
  tg_verdict verdict = tg_check(call);
  to->tag = (uint8_t)verdict.kind;
  to->val.deny = verdict.text;
  if (verdict.kind < 0) *error = verdict.text;
  exports_tollgate_plugin_gate_tool_call_free(call);
  release();
  return verdict.kind >= 0;
}
#endif
