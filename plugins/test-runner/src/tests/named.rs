//! What the recordings' failures are called, where they are and what they say.

use super::*;

/// Framework, recording, and for each failure its name, its place (empty: none is told) and a part of its message.
type Named = (Framework, &'static str, &'static [(&'static str, &'static str, &'static str)]);

const NAMED: &[Named] = &[
    (
        Framework::Cargo,
        "cargo-mixed",
        &[
            (
                "tests::adds_wrongly",
                "src/lib.rs:26:9",
                "assertion `left == right` failed: the sum is off\n  left: 2\n right: 3",
            ),
            ("tests::does_not_panic", "src/lib.rs:41:8", "test did not panic as expected"),
            ("tests::returns_an_error", "", "Error: \"a reason\""),
            ("src/lib.rs - add (line 7)", "src/lib.rs:5:1", "assertion `left == right` failed"),
        ],
    ),
    (
        Framework::Nextest,
        "nextest-mixed",
        &[
            (
                "demo tests::adds_wrongly",
                "src/lib.rs:26:9",
                "assertion `left == right` failed: the sum is off\n  left: 2\n right: 3",
            ),
            ("demo tests::does_not_panic", "src/lib.rs:41:8", "note: test did not panic as expected"),
            ("demo tests::returns_an_error", "", "Error: \"a reason\""),
        ],
    ),
    (Framework::Nextest, "nextest-abort", &[("demo b_aborts", "", "(test aborted with signal 6: SIGABRT)")]),
    (
        Framework::Pytest,
        "pytest-mixed",
        &[
            (
                "tests/test_sum.py::test_adds_wrongly",
                "tests/test_sum.py:8",
                "AssertionError: sum is off\nassert (1 + 1) == 3",
            ),
            ("tests/test_sum.py::test_many[2]", "tests/test_sum.py:20", "assert 2 == 1"),
            ("tests/test_sum.py::TestDeep::test_raises", "tests/test_sum.py:24", "ValueError: first line\nsecond line"),
            ("tests/test_sum.py::test_with_fixture", "tests/test_sum.py:28", "RuntimeError: no database"),
        ],
    ),
    (Framework::Pytest, "pytest-import", &[("test_bad.py", "test_bad.py:1", "No module named 'missing_module'")]),
    (
        Framework::Unittest,
        "unittest-mixed",
        &[
            (
                "test_broken (unittest.loader._FailedTest.test_broken)",
                "/project/test_broken.py:1",
                "No module named 'missing_module'",
            ),
            ("setUpClass (test_sum.Setup)", "/project/test_sum.py:32", "RuntimeError: no database"),
            (
                "test_raises (test_sum.Sum.test_raises)",
                "/project/test_sum.py:13",
                "ValueError: first line\nsecond line",
            ),
            ("test_adds_wrongly (test_sum.Sum.test_adds_wrongly)", "/project/test_sum.py:10", "AssertionError: 2 != 3"),
            ("test_parts (test_sum.Sum.test_parts) (part=1)", "/project/test_sum.py:26", "AssertionError: 1 != 2"),
            ("test_parts (test_sum.Sum.test_parts) (part=3)", "/project/test_sum.py:26", "AssertionError: 3 != 2"),
        ],
    ),
    (
        Framework::Go,
        "go-1.27-mixed",
        &[
            ("demo/broken", "broken/b.go:3:23", "broken/b.go:3:23: undefined: missing"),
            ("demo/calc.TestAddsWrongly", "calc_test.go:17", "calc_test.go:17: got 2, want 3"),
            ("demo/calc.TestTable/n=2", "calc_test.go:26", "calc_test.go:26: n is 2\n    second line"),
        ],
    ),
    (
        Framework::Go,
        "go-1.19-mixed",
        &[
            ("demo/broken", "", "build failed"),
            ("demo/calc.TestAddsWrongly", "calc_test.go:16", "calc_test.go:17: got 2, want 3"),
            ("demo/calc.TestTable/n=2", "calc_test.go:26", "calc_test.go:26: n is 2"),
        ],
    ),
    (
        Framework::Go,
        "go-1.27-panic",
        &[("demo.TestPanics", "/project/pan_test.go:9", "panic: assignment to entry in nil map")],
    ),
    (
        Framework::Vitest,
        "vitest-4-mixed",
        &[
            ("src/sum.test.js > sum > adds wrongly", "src/sum.test.js:4:44", "AssertionError: expected 2 to be 3"),
            (
                "src/sum.test.js > sum > compares objects",
                "src/sum.test.js:7:62",
                "AssertionError: expected { a: 1, b: [ 1, 2 ] }",
            ),
        ],
    ),
    (
        Framework::Vitest,
        "vitest-4-import",
        &[("src/a.test.js", "src/a.test.js:1:1", "Error: Cannot find module './missing'")],
    ),
    (
        Framework::Jest,
        "jest-mixed",
        &[
            (
                "sum › adds wrongly",
                "src/sum.test.js:3:44",
                "expect(received).toBe(expected) // Object.is equality\n\nExpected: 3\nReceived: 2",
            ),
            (
                "src/broken.test.js",
                "src/broken.test.js:1:1",
                "Cannot find module './missing' from 'src/broken.test.js'",
            ),
        ],
    ),
    (
        Framework::Mocha,
        "mocha-mixed",
        &[
            ("sum > adds wrongly", "test/sum.js:4:37", "Expected values to be strictly equal:\n\n2 !== 3"),
            ("sum > deep > throws", "test/sum.js:7:55", "Error: first line\nsecond line"),
        ],
    ),
    (
        Framework::Node,
        "node-tap-mixed",
        &[
            ("adds wrongly", "/project/test/sum.test.js:5:1", "Expected values to be strictly equal:\n\n2 !== 3"),
            ("deep > throws", "/project/test/sum.test.js:12:3", "first line\nsecond line"),
            ("parent > child", "/project/test/sum.test.js:16:11", "Expected values to be strictly deep-equal:"),
        ],
    ),
    (
        Framework::Node,
        "node-spec-mixed",
        &[
            ("adds wrongly", "test/sum.test.js:5:1", "2 !== 3"),
            ("throws", "test/sum.test.js:12:3", "Error: first line\nsecond line"),
            ("child", "test/sum.test.js:16:11", "AssertionError [ERR_ASSERTION]"),
        ],
    ),
    (
        Framework::Maven,
        "maven-mixed",
        &[
            (
                "demo.SumTest.addsWrongly",
                "SumTest.java:13",
                "java.lang.AssertionError: the sum is off expected:<3> but was:<2>",
            ),
            ("demo.SumTest.throwsUp", "SumTest.java:16", "java.lang.IllegalStateException:\nfirst line\nsecond line"),
        ],
    ),
    (
        Framework::Gradle,
        "gradle-mixed",
        &[
            ("demo.SumTest > addsWrongly", "SumTest.java:13", "java.lang.AssertionError at SumTest.java:13"),
            ("demo.SumTest > throwsUp", "SumTest.java:16", "java.lang.IllegalStateException at SumTest.java:16"),
        ],
    ),
    (
        Framework::Dotnet,
        "dotnet-mixed",
        &[
            (
                "Demo.Tests.SumTests.AddsWrongly",
                "/project/Demo.Tests/SumTests.cs:12",
                "Assert.Equal() Failure: Values differ\nExpected: 3\nActual:   2",
            ),
            (
                "Demo.Tests.SumTests.Throws",
                "/project/Demo.Tests/SumTests.cs:17",
                "System.InvalidOperationException : first line\nsecond line",
            ),
        ],
    ),
    (
        Framework::Ctest,
        "ctest-mixed",
        &[
            ("fails", "", "the sum is off\nsecond line"),
            ("slow", "", "Timeout"),
            ("crashes", "", "Exception: SegFault"),
            ("missing", "", "Not Run"),
        ],
    ),
    (
        Framework::Rspec,
        "rspec-mixed",
        &[
            (
                "sum adds wrongly",
                "./spec/sum_spec.rb:5",
                "Failure/Error: expect(1 + 1).to eq(3)\n\n  expected: 3\n       got: 2",
            ),
            ("sum deep raises", "./spec/sum_spec.rb:10", "ArgumentError:\n  first line\n  second line"),
        ],
    ),
    (
        Framework::Phpunit,
        "phpunit-9-mixed",
        &[
            ("SumTest::testThrows", "/project/tests/SumTest.php:8", "RuntimeException: first line\nsecond line"),
            (
                "SumTest::testAddsWrongly",
                "/project/tests/SumTest.php:7",
                "the sum is off\nFailed asserting that 2 is identical to 3.",
            ),
        ],
    ),
    (
        Framework::Mix,
        "mix-mixed",
        &[
            ("test deep raises (DemoTest)", "test/demo_test.exs:16", "** (RuntimeError) first line\nsecond line"),
            (
                "test adds wrongly (DemoTest)",
                "test/demo_test.exs:7",
                "Assertion with == failed\ncode:  assert Demo.add(1, 1) == 3\nleft:  2",
            ),
        ],
    ),
];

#[test]
fn failures_have_their_names_places_and_first_lines() {
    for (framework, name, expected) in NAMED {
        let found = outcome(*framework, name, Exit::Code(1));
        let names: Vec<&str> = found.failures.kept().iter().map(|failure| failure.name.as_str()).collect();
        assert_eq!(names, expected.iter().map(|(name, ..)| *name).collect::<Vec<_>>(), "{name}");
        for (failure, (_, place, part)) in found.failures.kept().iter().zip(*expected) {
            assert_eq!(failure.place.as_deref().unwrap_or_default(), *place, "{name}: {}", failure.name);
            assert!(failure.message.contains(part), "{name}: {failure:#?} lacks {part:?}");
        }
    }
}
