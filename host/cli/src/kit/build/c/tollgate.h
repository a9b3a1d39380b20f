// What a plugin in C is written with: what it is, the functions that the host calls, and helpers for text and JSON.
// `tollgate plugin build` writes this file, tollgate.c and the bindings (bindings.h, bindings.c) anew each time.
//
// What these helpers hand out, and what the host hands in, lives until the function that the host called returns: there
// is nothing to free. What has to last goes into variables of the plugin's own, which last as long as this instance
// does, or into the host's store (`tollgate_plugin_store_set` of bindings.h).
//
// All else that the interface has (store, data, process, workspace, interactions, session) is in bindings.h, under its
// full name; what it hands out is the plugin's to free, with the `_free` function of its type.

#ifndef TOLLGATE_H
#define TOLLGATE_H

#include "bindings.h"

// UTF-8 text of `len` bytes, with no zero at its end.
typedef bindings_string_t tg_text;
// One event, and one tool call to decide: bindings.h says what each field means.
typedef exports_tollgate_plugin_handler_event_t tg_event;
typedef tollgate_plugin_types_tool_call_t tg_call;
typedef tollgate_plugin_types_shell_command_t tg_command;

// What the plugin is.

// Something that it needs or wants: made by the macros below.
typedef struct {
  int kind;  // One of EXPORTS_TOLLGATE_PLUGIN_LIFECYCLE_CAPABILITY_*, and one more: 0 ends a list.
  const char *text;
  const char *const *args;
  uint64_t bytes;
} tg_capability;

typedef struct {
  // Equals the component file's stem: a-z, 0-9 and `-`.
  const char *name, *version, *summary;
  // Patterns of events to handle, and tools to decide: TG_LIST("message.in", "task.*").
  const char *const *subscriptions, *const *gates;
  // What it cannot do without, and what it uses where it is granted: TG_CAPABILITIES(TG_EMIT("my-plugin.*")).
  const tg_capability *needs, *wants;
  // JSON Schema of its configuration, if it has one.
  const char *config_schema;
} tg_description;

#define TG_LIST(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(,) NULL})
#define TG_CAPABILITIES(...) ((const tg_capability[]){__VA_ARGS__ __VA_OPT__(,) {.kind = 0}})
#define TG_CAPABILITY(which) .kind = EXPORTS_TOLLGATE_PLUGIN_LIFECYCLE_CAPABILITY_##which + 1
#define TG_EMIT(pattern) {TG_CAPABILITY(EMIT), .text = (pattern)}
#define TG_PROCESS(program, ...) {TG_CAPABILITY(PROCESS), .text = (program), .args = TG_LIST(__VA_ARGS__)}
#define TG_WORKSPACE_READ(pattern) {TG_CAPABILITY(WORKSPACE_READ), .text = (pattern)}
#define TG_WORKSPACE_WRITE(pattern) {TG_CAPABILITY(WORKSPACE_WRITE), .text = (pattern)}
#define TG_DATA(max_bytes) {TG_CAPABILITY(DATA), .bytes = (max_bytes)}
#define TG_INTERACTIONS {TG_CAPABILITY(INTERACTIONS)}
#define TG_SESSION_EFFECTS {TG_CAPABILITY(SESSION_EFFECTS)}
#define TG_GATE_ALLOW {TG_CAPABILITY(GATE_ALLOW)}
#define TG_GATE_REWRITE {TG_CAPABILITY(GATE_REWRITE)}

// What the plugin writes: `tg_plugin` and `tg_handle`, a guard `tg_check` too; the other two where it has use for them.

typedef struct {
  int kind;
  tg_text why;
} tg_outcome;
typedef struct {
  int kind;
  tg_text text;
} tg_verdict;

extern const tg_description tg_plugin;
// Handles one event; what it emitted and stored counts where it returns tg_ok().
tg_outcome tg_handle(const tg_event *event);
// Decides one call.
tg_verdict tg_check(const tg_call *call);
// Takes the configuration, a JSON object, before the first event; anything but tg_ok() is an error.
tg_outcome tg_init(tg_text config);
void tg_stop(void);

#define TG_PRINTS(text, first) __attribute__((format(printf, text, first)))

tg_outcome tg_ok(void);
// Final and counted: the event is not tried again. The text is printf's.
tg_outcome tg_failed(const char *format, ...) TG_PRINTS(1, 2);
// Asks to be called again, at most three times in all.
tg_outcome tg_retry(const char *format, ...) TG_PRINTS(1, 2);

tg_verdict tg_abstain(void);
tg_verdict tg_deny(const char *format, ...) TG_PRINTS(1, 2);
tg_verdict tg_ask(const char *format, ...) TG_PRINTS(1, 2);
tg_verdict tg_allow(void);
// Run with this JSON object as input instead.
tg_verdict tg_rewrite(tg_text input);
// It cannot tell: the host does what the operator chose for a guard that fails.
tg_verdict tg_guard_failed(const char *format, ...) TG_PRINTS(1, 2);

// What the plugin calls.

// Writes a line to the log: tg_log(TG_INFO, "%d words", words).
void tg_log(tollgate_plugin_log_level_t level, const char *format, ...) TG_PRINTS(2, 3);
#define TG_DEBUG TOLLGATE_PLUGIN_LOG_LEVEL_DEBUG
#define TG_INFO TOLLGATE_PLUGIN_LOG_LEVEL_INFO
#define TG_WARN TOLLGATE_PLUGIN_LOG_LEVEL_WARN
#define TG_ERROR TOLLGATE_PLUGIN_LOG_LEVEL_ERROR

// Stages an event, whose payload printf makes: a JSON object. False where the host refuses it; the log says why.
bool tg_emit(const char *type, const char *payload, ...) TG_PRINTS(2, 3);

// A tg_text for printf's `%.*s`.
#define TG_ARG(text) (int)(text).len, (const char *)(text).ptr

// Whether `text` is `word`, byte for byte.
bool tg_is(tg_text text, const char *word);
// The text of a string in C, which has to live as long as it.
tg_text tg_of(const char *string);
tg_text tg_print(const char *format, ...) TG_PRINTS(1, 2);
// Memory until the function that the host called returns. Where there is none left, the guest ends.
void *tg_scratch(size_t bytes);

// `text` as a JSON string, in its quotes.
tg_text tg_json_quote(tg_text text);
// The value of `key` in a JSON object, as JSON; of several the last one. False where it has none.
bool tg_json_get(tg_text object, const char *key, tg_text *value);
// The same, of a value that is a string, a number, a boolean; false where it is something else.
bool tg_json_text(tg_text object, const char *key, tg_text *value);
bool tg_json_number(tg_text object, const char *key, double *value);
bool tg_json_bool(tg_text object, const char *key, bool *value);

#endif
