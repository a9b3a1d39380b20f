//! The words behind `/test`.

use crate::args::Options;

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn every_option_in_both_forms() {
    let long =
        "--url http://a --server 'npm run dev' --dir web --framework jest --unit --no-e2e --no-backend login page";
    let short = "/test -u http://a -s \"npm run dev\" -d web -f jest --unit --no-e2e --no-backend login page";
    let attached =
        "--url=http://a --server='npm run dev' --dir=web --framework=jest --unit --no-e2e --no-backend login page";
    let expected = Options {
        url: some("http://a"),
        server: some("npm run dev"),
        directory: some("web"),
        framework: some("jest"),
        unit: Some(true),
        backend: Some(false),
        browser: Some(false),
        focus: some("login page"),
        notes: Vec::new(),
    };
    for line in [long, short, attached] {
        assert_eq!(Options::from_text(line), expected, "{line}");
    }
}

#[test]
fn the_rest_is_the_focus() {
    let focus = |line: &str| Options::from_text(line).focus;
    assert_eq!(focus(""), None);
    assert_eq!(focus("  /test  "), None);
    assert_eq!(focus("/testing all"), some("/testing all"));
    assert_eq!(focus("the --unit 'sign in' form"), some("the sign in form"));
    assert_eq!(focus("--unknown -x y"), some("--unknown -x y"));
    assert_eq!(focus("-- --unit -u x"), some("--unit -u x"));
    assert_eq!(focus("a\\ b \"c \\\"d\\\" \\n\""), some("a b c \"d\" \\n"));
}

#[test]
fn with_bad_quoting_all_of_it_is_focus() {
    for line in ["-u http://a it's broken", "--unit \"open", "--unit back\\"] {
        let options = Options { focus: some(line), ..Options::default() };
        assert_eq!(Options::from_text(&format!("/test {line} ")), options);
    }
}

#[test]
fn an_option_without_its_value_is_said() {
    for line in ["-u", "-u --unit", "--url= --unit", "-u '' --unit", "-u -f jest"] {
        let options = Options::from_text(line);
        assert_eq!((options.url, options.notes.len()), (None, 1), "{line}");
    }
}

#[test]
fn a_kind_that_is_named_leaves_the_other_out() {
    for (line, unit, backend) in [
        ("", true, true),
        ("--unit", true, false),
        ("--backend", false, true),
        ("--unit --backend", true, true),
        ("--no-unit", false, true),
        ("--no-backend", true, false),
        ("--unit --no-unit", false, true),
    ] {
        let options = Options::from_text(line);
        assert_eq!((options.wants(false), options.wants(true)), (unit, backend), "{line}");
    }
}

#[test]
fn only_one_plain_word_goes_to_a_program() {
    for (line, name) in [
        ("parser", Some("parser")),
        ("tests::parser", Some("tests::parser")),
        ("prüfung_1", Some("prüfung_1")),
        ("the parser", None),
        ("--config=evil", None),
        ("-x", None),
        ("a;b", None),
        ("$(x)", None),
        ("a*", None),
        ("a=b", None),
    ] {
        assert_eq!(Options::from_text(line).name(), name, "{line}");
    }
}
