//! The chain through anything that can happen to a trail, in any order.

use super::*;

/// What happens to a trail.
#[derive(Debug, Clone)]
enum Step {
    /// A fact, so many places after the one before.
    Fact(u64),
    /// One that was there already.
    Redelivery(u64),
    /// The plugin starts anew.
    Restart,
    /// A day goes by.
    Day,
    /// The folder takes nothing for a while.
    Refused,
    /// The host dies while the last line is written, so many bytes before its end.
    Torn(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..4_u64).prop_map(Step::Fact),
        2 => (0..5_u64).prop_map(Step::Redelivery),
        1 => Just(Step::Restart),
        1 => Just(Step::Day),
        1 => Just(Step::Refused),
        2 => any::<usize>().prop_map(Step::Torn),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_chain_holds_and_each_fact_is_there_once(steps in prop::collection::vec(step(), 1..60)) {
        mock::reset();
        let settings = r#"{"max_file_bytes":4096}"#;
        let (mut writer, mut now, mut seq, mut recorded) = (audit(settings), NOW, 0, Vec::new());
        for step in steps {
            match step {
                Step::Fact(gap) => {
                    seq += gap;
                    writer.record(&attempt(seq), now).unwrap();
                    recorded.push(seq);
                }
                Step::Redelivery(_) if seq == 0 => {}
                Step::Redelivery(back) => writer.record(&attempt(seq.saturating_sub(back).max(1)), now).unwrap(),
                Step::Restart => writer = audit(settings),
                Step::Day => now += DAY,
                Step::Refused => {
                    mock::with(|host| host.data_error = Some(tollgate_sdk::DataError::OverQuota));
                    prop_assert!(writer.record(&attempt(seq + 1), now).is_err());
                    mock::with(|host| host.data_error = None);
                }
                Step::Torn(bytes) => {
                    // The host dies within its last write: the event was not handled, so it comes again.
                    let Some((name, content)) = files().pop() else { continue };
                    let newline = content.iter().rev().skip(1).position(|byte| *byte == b'\n');
                    let line = newline.map_or(content.len(), |at| at + 1);
                    let ended = lines().last().and_then(|line| line.get("seq").and_then(Value::as_u64));
                    if ended != Some(seq) || lines().last().unwrap().get("type").is_none() {
                        continue;
                    }
                    let length = content.len() - (bytes % line).max(1);
                    mock::with(|host| host.data.get_mut(&name).unwrap().truncate(length));
                    writer = audit(settings);
                    writer.record(&attempt(seq), now).unwrap();
                }
            }
        }
        let summary = verify().unwrap_or_else(|broken| panic!("{broken}"));
        let facts: Vec<u64> = lines()
            .iter()
            .filter(|line| line.get("type").is_some())
            .map(|line| line.get("seq").unwrap().as_u64().unwrap())
            .collect();
        // What was delivered first by a redelivery below the tail is passed over; all else is there, once, in order.
        prop_assert_eq!(facts, recorded);
        prop_assert_eq!(summary.files, files().len());
    }
}
