//! What a configuration may say, and how each bad value is refused.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use tollgate_runner::Provider;

fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tollgate.toml");
    std::fs::write(&path, text).unwrap();
    Config::read(&path, variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

/// A file that must be refused at `line` with words that hold `says`.
fn refused(text: &str, line: usize, says: &str) {
    match read(text, &[]) {
        Err(ConfigError::File { path, line: at, reason }) => {
            assert!(path.ends_with("tollgate.toml"));
            assert_eq!(at, line, "{text:?}: {reason}");
            assert!(reason.contains(says), "{text:?}\n  said: {reason}\n  not:  {says}");
        }
        other => assert!(other.is_err() && line == 0, "{text:?} gave {other:?}"),
    }
}

/// A variable that must be refused with words that hold `says`.
fn variable_refused(name: &str, value: &str, says: &str) {
    let error = read("", &[(name, value)]).unwrap_err().to_string();
    assert!(error.contains(name) && error.contains(says), "{name}={value}\n  said: {error}\n  not:  {says}");
}

#[test]
fn an_absent_file_is_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Config::read(&folder.path().join("tollgate.toml"), []), Ok(Config::default()));
}

#[test]
fn the_defaults_read_back_from_their_own_text() {
    let text = toml::to_string_pretty(&Config::default()).unwrap();
    assert_eq!(read(&text, &[]), Ok(Config::default()));
}

#[test]
fn every_key_is_read() {
    let config = read(
        "[journal]\ndurability = \"memory\"\nretain_age_ms = 3_600_000\nretain_events = 5_000\n\
         retain_bytes = 16_777_216\n[bus]\nfilter = [\"tool.*\"]\n[gate]\npresets = [\"strict\"]\n\
         allowed_extras = [\"/var/tmp\"]\n[hooks.claude-code]\ntimeout_ms = 5_000\non_unavailable = \"abstain\"\n\
         [plugins]\nwatch = false\nrescan_ms = 500\nrequire_signature = true\n\
         keys = [\"RWTixxHWpXNccqhlGC2OavAnB6SZQ0DCFW3Kig/EJbr47lxojh9VYtmu\"]\n[workspace]\nallow = [\"~/src\", \"/srv\"]\n\
         [server]\n[streams]\nanonymous_read = [\"task.*\"]\n[providers.agent]\nprogram = \"agent\"\nargs = [\"-p\"]\nenv = [\"KEY\"]\n[cluster]\n",
        &[],
    )
    .unwrap();
    assert_eq!(config.durability(), Durability::Memory);
    let retention = config.journal.retention();
    assert_eq!(retention.age, Some(std::time::Duration::from_secs(3_600)));
    assert_eq!((retention.events, retention.bytes), (Some(5_000), Some(16 * 1024 * 1024)));
    assert_eq!(config.filter(), Some(PatternSet::parse(["tool.*"]).unwrap()));
    assert_eq!(config.streams.anonymous_read(), Some(PatternSet::parse(["task.*"]).unwrap()));
    let agent = Provider {
        program: "agent".to_owned(),
        args: vec!["-p".to_owned()],
        env: vec!["KEY".to_owned()],
        version: None,
    };
    assert_eq!(config.runner().providers, [("agent".to_owned(), agent)].into());
    assert_eq!(config.gate.presets, ["strict"]);
    assert_eq!(config.gate.allowed_extras, [PathBuf::from("/var/tmp")]);
    let hook = HookSettings { timeout_ms: 5_000, on_unavailable: OnUnavailable::Abstain };
    assert_eq!(config.hook(AgentHook::ClaudeCode), hook);
    let codex = HookSettings { timeout_ms: 590_000, on_unavailable: OnUnavailable::Deny };
    assert_eq!(config.hook(AgentHook::Codex), codex);
    let plugins = PluginsConfig {
        watch: false,
        rescan_ms: 500,
        keys: vec!["RWTixxHWpXNccqhlGC2OavAnB6SZQ0DCFW3Kig/EJbr47lxojh9VYtmu".to_owned()],
        require_signature: true,
    };
    assert_eq!(config.plugins, plugins);
    assert_eq!(config.workspace.allow, [PathBuf::from("~/src"), PathBuf::from("/srv")]);
}

#[test]
fn every_bad_value_is_refused_with_its_line() {
    refused("[jurnal]\n", 1, "did you mean `journal`?");
    refused("\n\nworkspcae = 1\n", 3, "did you mean `workspace`?");
    refused("[journal]\ndurabilty = \"full\"\n", 2, "did you mean `durability`?");
    refused("[journal]\ndurability = 7\n", 2, "durability");
    refused("[journal]\ndurability = \"fast\"\n", 2, "normal");
    refused("[journal\n", 1, "]");
    refused("[journal]\nretain_age_ms = 1_000\n", 2, "1000 is not within 3600000 to");
    refused("[journal]\nretain_events = 0\n", 2, "0 is not within 1000 to");
    refused("[journal]\n\nretain_bytes = 1\n", 3, "1 is not within 16777216 to");
    refused("[journal]\nretain_bytes = -1\n", 2, "invalid value");
    refused("[journal]\nretain_age = \"30d\"\n", 2, "did you mean `retain_age_ms`?");
    refused("[bus]\nfilter = \"tool.*\"\n", 2, "expected a sequence");
    refused("[bus]\nfilter = [\"Tool\"]\n", 2, "[bus] filter: `Tool` has a bad segment");
    refused("[bus]\nfilter = []\n", 2, "lets nothing in");
    refused("[gate]\npreset = []\n", 2, "did you mean `presets`?");
    refused("[gate]\nrescan_ms = 99\n", 2, "99 is not within 100 to 3600000");
    refused("[gate]\npresets = 1\n", 2, "expected a sequence");
    refused("[gate]\nallowed_extras = [\"tmp\"]\n", 2, "`tmp` is neither absolute nor under `~`");
    refused("[hooks.claude]\n", 1, "no hook adapter `claude`; known are claude-code");
    refused("[hooks.claude-code]\ntimeout = 5\n", 2, "did you mean `timeout_ms`?");
    refused("[hooks.claude-code]\ntimeout_ms = 5\n", 2, "5 is not within 1000 to 3600000");
    refused("[hooks.claude-code]\ntimeout_ms = -5\n", 2, "invalid value");
    refused("[hooks.claude-code]\non_unavailable = \"allow\"\n", 2, "deny");
    refused("[plugins]\nwatch = \"yes\"\n", 2, "expected a boolean");
    refused("[plugins]\nrescan_ms = 0\n", 2, "0 is not within 100 to 3600000");
    refused("[plugins]\nkeys = \"RW\"\n", 2, "expected a sequence");
    refused("[plugins]\nwatch = true\nkeys = [\"RWsomething\"]\n", 3, "`RWsomething` is no minisign public key");
    refused("[plugins]\nrequire_signature = true\n", 2, "put the keys that sign them into `keys`");
    refused("[plugins]\nrequire_signatures = true\n", 2, "did you mean `require_signature`?");
    refused("[workspace]\n# where\nallow = [\"src\"]\n", 3, "`src` is neither absolute nor under `~`");
    refused("[server]\nlisten = \"nowhere\"\n", 2, "neither an address such as 127.0.0.1:7411 nor `off`");
    refused("[server]\nhosts = [\"A.example\"]\n", 2, "no host name in lower case");
    refused("[server]\norigins = [\"board.example.org\"]\n", 2, "no origin such as https://");
    refused("[providers.agent]\nargs = []\n", 1, "missing field `program`");
    refused("[providers.agent]\nprogram = \"a\"\nenv = { KEY = \"x\" }\n", 3, "expected a sequence");
    refused("[streams]\nlisten = 1\n", 2, "`listen` is not known here");
    refused("[streams]\nanonymous_read = [\"Orchestrator\"]\n", 2, "[streams] anonymous_read: ");
    let jwt = "[streams.jwt]\nalgorithm = \"RS256\"\naudience = \"a\"\nissuer = \"i\"\n";
    refused(jwt, 1, "needs `key_file`, or `key` with a public key");
    refused(&format!("{jwt}key = \"x\"\n"), 5, "no public key for RS256 in PEM");
    refused(&format!("{jwt}key_file = \"k\"\n"), 5, "`k` is neither absolute nor under `~`");
    refused(&format!("{jwt}key_file = \"/k\"\nkey = \"x\"\n"), 6, "leave one of them out");
    refused(&jwt.replace("\"a\"", "\" \""), 3, "must name one");
    refused(&jwt.replace("RS256", "none"), 2, "known: HS256, RS256, EdDSA");
    refused(&jwt.replace("issuer", "isser"), 4, "did you mean `issuer`?");
    let secret = format!("{}key = \"{}\"\n", jwt.replace("RS256", "HS256"), "x".repeat(64));
    refused(&secret, 5, "a secret is not kept here");
    refused("[streams.jwt]\nalgorithm = \"RS256\"\n", 1, "missing field");
    refused("[journal]\n[journal]\n", 2, "duplicate");
}

#[test]
fn a_file_that_is_no_text_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tollgate.toml");
    std::fs::write(&path, b"# \xff").unwrap();
    let error = Config::read(&path, []).unwrap_err().to_string();
    assert!(error.ends_with("tollgate.toml: not UTF-8 (byte 2)"), "{error}");
    let error = Config::read(folder.path(), []).unwrap_err();
    assert!(matches!(error, ConfigError::Unreadable { .. }));
}

#[test]
fn variables_override_keys() {
    let config = read(
        "[journal]\ndurability = \"full\"\n",
        &[
            ("TOLLGATE_JOURNAL_DURABILITY", "normal"),
            ("TOLLGATE_PLUGINS_RESCAN_MS", "250"),
            ("TOLLGATE_PLUGINS_WATCH", "false"),
            ("TOLLGATE_WORKSPACE_ALLOW", "[\"/srv\"]"),
            ("TOLLGATE_HOOKS_CLAUDE_CODE_TIMEOUT_MS", "2000"),
            ("TOLLGATE_HOOKS_CURSOR_TIMEOUT_MS", "3000"),
            ("TOLLGATE_HOOKS_GENERIC_ON_UNAVAILABLE", "abstain"),
            ("TOLLGATE_HOME", "/somewhere"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    assert_eq!(config.durability(), Durability::Normal);
    assert_eq!(config.plugins, PluginsConfig { watch: false, rescan_ms: 250, ..PluginsConfig::default() });
    assert_eq!(config.workspace.allow, [PathBuf::from("/srv")]);
    assert_eq!(config.hook(AgentHook::ClaudeCode).timeout_ms, 2_000);
    assert_eq!(config.hook(AgentHook::Cursor).timeout_ms, 3_000);
    let generic = HookSettings { timeout_ms: 9_000, on_unavailable: OnUnavailable::Abstain };
    assert_eq!(config.hook(AgentHook::Generic), generic, "what a table leaves out is the agent's own");
}

#[test]
fn bad_variables_are_named() {
    variable_refused("TOLLGATE_JURNAL_DURABILITY", "full", "names no table");
    variable_refused("TOLLGATE_HOOKS_CLAUDE_TIMEOUT_MS", "2000", "names no table");
    variable_refused("TOLLGATE_JOURNAL_DURABILTY", "full", "did you mean `durability`?");
    variable_refused("TOLLGATE_JOURNAL_DURABILITY", "fast", "normal");
    variable_refused("TOLLGATE_PLUGINS_RESCAN_MS", "1", "not within");
}

#[test]
fn a_variable_does_not_hide_a_bad_file() {
    let error = read("[journal]\ndurability = 7\n", &[("TOLLGATE_JOURNAL_DURABILITY", "full")]).unwrap_err();
    assert!(matches!(error, ConfigError::File { line: 2, .. }));
}

#[test]
fn tilde_is_the_user_s_home() {
    let check = |path: &str, expected: &str| {
        assert_eq!(expand(Path::new(path), Some(Path::new("/home/dev"))), PathBuf::from(expected));
    };
    check("~", "/home/dev");
    check("~/src", "/home/dev/src");
    check("/srv", "/srv");
    check("~other", "~other");
}

#[test]
fn the_keys_of_tokens_are_overridden_too() {
    let file = "[streams.jwt]\nalgorithm = \"EdDSA\"\nkey_file = \"/k\"\naudience = \"a\"\nissuer = \"i\"\n";
    let config = read(file, &[("TOLLGATE_STREAMS_JWT_KEY_FILE", "/other"), ("TOLLGATE_STREAMS_JWT_ISSUER", "j")]);
    let jwt = config.unwrap().streams.jwt.unwrap();
    assert_eq!((jwt.key_file, &*jwt.issuer), (Some(PathBuf::from("/other")), "j"));
    variable_refused("TOLLGATE_STREAMS_JWT_ISSUER", "j", "missing field");
}
