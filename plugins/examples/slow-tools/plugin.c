// Tells of tool calls that took longer than the operator's limit, or failed after taking half of it.

#include "tollgate.h"

const tg_description tg_plugin = {
  .name = "slow-tools",
  .version = "0.1.0",
  .summary = "Tells of tool calls that took long",
  .subscriptions = TG_LIST("tool.finished"),
  .needs = TG_CAPABILITIES(TG_EMIT("slow-tools.noticed")),
  .config_schema =
    "{\"type\":\"object\",\"properties\":{\"limit_ms\":{\"type\":\"number\",\"exclusiveMinimum\":0}},"
    "\"additionalProperties\":false}",
};

// In milliseconds.
static double limit = 60000;

tg_outcome tg_init(tg_text config) {
  tg_json_number(config, "limit_ms", &limit);
  return tg_ok();
}

tg_outcome tg_handle(const tg_event *event) {
  tg_text tool, session;
  double took;
  bool succeeded;
  if (!tg_json_text(event->payload, "tool_name", &tool) || !tg_json_text(event->payload, "session_id", &session) ||
      !tg_json_bool(event->payload, "ok", &succeeded))
    return tg_failed("a finished tool has tool_name, session_id and ok");
  // Not every agent says how long its tools ran.
  if (!tg_json_number(event->payload, "duration_ms", &took)) return tg_ok();
  if (took < (succeeded ? limit : limit / 2)) return tg_ok();

  tg_text name = tg_json_quote(tool), of = tg_json_quote(session);
  tg_log(TG_INFO, "%.*s took %.1f s", TG_ARG(tool), took / 1000);
  bool told = tg_emit(
    "slow-tools.noticed",
    "{\"session_id\":%.*s,\"tool_name\":%.*s,\"ok\":%s,\"duration_ms\":%.0f,\"limit_ms\":%.0f}",
    TG_ARG(of), TG_ARG(name), succeeded ? "true" : "false", took, limit);
  return told ? tg_ok() : tg_failed("the host took no event");
}
