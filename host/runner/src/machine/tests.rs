//! The machine by its cases, and by any sequence of moves.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use super::*;
use proptest::prelude::*;

fn running() -> Machine {
    let mut machine = Machine::default();
    machine.start().unwrap();
    for state in [State::PreparingWorkspace, State::StartingProvider, State::Running] {
        machine.go(state).unwrap().unwrap();
    }
    machine
}

fn moved(from: State, to: State) -> Option<Move> {
    Some(Move { from, to })
}

#[test]
fn nothing_comes_before_the_start_and_there_is_one() {
    let mut machine = Machine::default();
    assert_eq!(machine.go(State::PreparingWorkspace), Err(Refusal::NotStarted));
    assert_eq!(machine.ask(&"a".into()), Err(Refusal::NotStarted));
    assert_eq!(machine.end(State::Failed), Err(Refusal::NotStarted));
    machine.start().unwrap();
    assert_eq!(machine.start(), Err(Refusal::Started));
    assert_eq!(machine.go(State::Running), Err(Refusal::Illegal { from: State::Created, to: State::Running }));
    assert_eq!(machine.go(State::Created), Ok(None), "it is that already");
}

#[test]
fn two_open_approvals_both_count() {
    let mut machine = running();
    let (first, second): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
    assert_eq!(machine.ask(&first).unwrap(), moved(State::Running, State::WaitingForApproval));
    assert_eq!(machine.ask(&second), Ok(None));
    assert_eq!(machine.go(State::Running), Err(Refusal::Waiting(2)));
    assert_eq!(machine.settle(&second, &Settled::Approved), Ok(None), "the first is still open");
    assert_eq!(machine.state(), State::WaitingForApproval);
    assert_eq!(machine.settle(&second, &Settled::Approved), Err(Refusal::NoApproval("b".to_owned())));
    assert_eq!(machine.settle("nobody's", &Settled::Approved), Err(Refusal::NoApproval("nobody's".to_owned())));
    assert_eq!(machine.ask(&second), Err(Refusal::Asked("b".to_owned())), "an id is used once");
    assert_eq!(machine.settle(&first, &Settled::Approved), Ok(moved(State::WaitingForApproval, State::Running)));
    assert_eq!(machine.end(State::Completed), Ok(moved(State::Running, State::Completed)));
}

#[test]
fn a_denial_ends_as_itself() {
    let mut machine = running();
    let (first, second): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
    machine.ask(&first).unwrap();
    machine.ask(&second).unwrap();
    let denied = Settled::Denied("ada said no".into());
    assert_eq!(machine.settle(&first, &denied), Ok(moved(State::WaitingForApproval, State::Stopping)));
    assert_eq!(machine.open().count(), 0, "the other is void");
    assert_eq!(machine.end(State::Completed), Err(Refusal::Doomed("ada said no".into())));
    assert_eq!(machine.end(State::Failed), Ok(moved(State::Stopping, State::Failed)));
}

#[test]
fn a_pause_outlasts_what_is_asked_and_answered_meanwhile() {
    let mut machine = running();
    let (first, second): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
    assert_eq!(machine.resume(), Err(Refusal::NotNow { what: "to resume", state: State::Running }));
    machine.ask(&first).unwrap();
    machine.go(State::PausedByHuman).unwrap();
    assert_eq!(machine.settle(&first, &Settled::Approved), Ok(None));
    assert_eq!(machine.ask(&second), Ok(None));
    assert_eq!(machine.resume(), Ok(moved(State::PausedByHuman, State::WaitingForApproval)));
    assert_eq!(machine.settle(&second, &Settled::Withdrawn), Ok(moved(State::WaitingForApproval, State::Running)));
}

#[test]
fn what_the_gate_asks_counts_beside_its_own_and_denies_the_session_nothing() {
    let mut machine = Machine::default();
    let (call, own): (Arc<str>, Arc<str>) = ("call".into(), "own".into());
    assert_eq!(machine.gate_asks(&call), Err(Refusal::NotStarted));
    machine.start().unwrap();
    assert_eq!(machine.gate_asks(&call), Ok(None), "it does not work yet");
    let mut machine = running();
    assert_eq!(machine.gate_asks(&call).unwrap(), moved(State::Running, State::WaitingForApproval));
    assert_eq!(machine.gate_asks(&call), Ok(None), "the same");
    assert_eq!(machine.ask(&own), Ok(None));
    assert_eq!(machine.go(State::Running), Err(Refusal::Waiting(2)));
    assert_eq!(machine.settle(&own, &Settled::Approved), Ok(None));
    machine.gate_is_answered("another");
    assert_eq!(machine.goes_on(), None);
    machine.go(State::PausedByHuman).unwrap();
    assert_eq!(machine.resume(), Ok(moved(State::PausedByHuman, State::WaitingForApproval)));
    machine.gate_is_answered("call");
    assert_eq!(machine.clone().goes_on(), moved(State::WaitingForApproval, State::Running));
    // Until that move is made, whatever else is settled has it go on too.
    let mut settled = machine.clone();
    settled.ask(&"other".into()).unwrap();
    assert_eq!(settled.settle("other", &Settled::Approved), Ok(moved(State::WaitingForApproval, State::Running)));
    assert_eq!(machine.goes_on(), moved(State::WaitingForApproval, State::Running));
    assert_eq!(machine.goes_on(), None);
    machine.gate_asks(&call).unwrap();
    assert!(matches!(machine.clone().end(State::Completed), Err(Refusal::Illegal { .. })));
    assert_eq!(machine.gate_is_left(), moved(State::WaitingForApproval, State::Running));
    machine.gate_asks(&call).unwrap();
    machine.go(State::Stopping).unwrap();
    machine.gate_is_answered("call");
    assert_eq!((machine.goes_on(), machine.doom()), (None, None));
    machine.end(State::Completed).unwrap();
    assert!(machine.gate_asks(&call).is_err());
}

#[test]
fn nothing_comes_after_the_end_and_an_end_is_one_of_two() {
    let mut machine = running();
    assert_eq!(machine.end(State::Stopping), Err(Refusal::NoEnd("STOPPING".to_owned())));
    machine.go(State::Completed).unwrap();
    assert!(matches!(machine.end(State::Failed), Err(Refusal::Illegal { .. })), "it is over, as COMPLETED");
    assert_eq!(machine.end(State::Completed), Ok(None));
    let over = Refusal::Ended(State::Completed);
    assert_eq!(machine.lives(), Err(over.clone()));
    assert_eq!(machine.go(State::Completed), Err(over.clone()));
    assert_eq!(machine.end(State::Completed), Err(over.clone()));
    assert_eq!(machine.start(), Err(over));
}

#[test]
fn approvals_of_a_session_are_bounded() {
    let mut machine = running();
    for number in 0..MAX_APPROVALS {
        let id: Arc<str> = number.to_string().into();
        machine.ask(&id).unwrap();
        machine.settle(&id, &Settled::Approved).unwrap();
    }
    let before = machine.clone();
    assert_eq!(machine.ask(&"one more".into()), Err(Refusal::TooManyApprovals));
    assert_eq!(machine, before, "a refusal changes nothing");
}

#[test]
fn a_refusal_says_what_may_follow() {
    let refusal = Refusal::Illegal { from: State::Created, to: State::Running };
    assert_eq!(refusal.to_string(), "CREATED cannot become RUNNING; PREPARING_WORKSPACE, STOPPING, FAILED may follow");
}

#[derive(Debug, Clone)]
enum Step {
    Start,
    Go(State),
    Resume,
    Ask(u8),
    Settle(u8, Settled),
    GateAsks(u8),
    GateIsAnswered(u8),
    GateIsLeft,
    End(State),
}

fn step() -> impl Strategy<Value = Step> {
    let state = || proptest::sample::select(State::ALL.to_vec());
    let settled = prop_oneof![Just(Settled::Approved), Just(Settled::Withdrawn), Just(Settled::Denied("no".into())),];
    prop_oneof![
        1 => Just(Step::Start),
        6 => state().prop_map(Step::Go),
        1 => Just(Step::Resume),
        3 => (0..4u8).prop_map(Step::Ask),
        3 => (0..4u8, settled).prop_map(|(id, settled)| Step::Settle(id, settled)),
        2 => (0..2u8).prop_map(Step::GateAsks),
        2 => (0..2u8).prop_map(Step::GateIsAnswered),
        1 => Just(Step::GateIsLeft),
        1 => state().prop_map(Step::End),
    ]
}

/// On the way up by itself, so that steps at random get somewhere.
fn any_machine() -> impl Strategy<Value = Machine> {
    prop_oneof![Just(Machine::default()), Just(running())]
}

proptest! {
    #[test]
    fn no_sequence_of_moves_leaves_the_table(
        mut machine in any_machine(), steps in proptest::collection::vec(step(), 0..60),
    ) {
        for step in steps {
            let before = machine.clone();
            let outcome = match &step {
                Step::Start => machine.start().map(|()| None),
                Step::Go(to) => machine.go(*to),
                Step::Resume => machine.resume(),
                Step::Ask(id) => machine.ask(&id.to_string().into()),
                Step::Settle(id, settled) => machine.settle(&id.to_string(), settled),
                Step::GateAsks(id) => machine.gate_asks(&id.to_string().into()),
                Step::GateIsAnswered(id) => {
                    machine.gate_is_answered(&id.to_string());
                    Ok(machine.goes_on())
                }
                Step::GateIsLeft => Ok(machine.gate_is_left()),
                Step::End(last) => machine.end(*last),
            };
            match outcome {
                Err(_) => prop_assert_eq!(&machine, &before, "a refusal changes nothing"),
                Ok(Some(Move { from, to })) => {
                    prop_assert!(from == before.state() && to == machine.state() && from.may_become(to), "{:?}", step);
                }
                Ok(None) => prop_assert_eq!(machine.state(), before.state()),
            }
            prop_assert!(!before.is_ended() || machine == before, "the end is the end");
            prop_assert!(!before.state().is_final() || machine.state() == before.state(), "so is a final state");
            let open = machine.open().count() + machine.gated.len();
            match machine.state() {
                State::Running | State::Completed | State::Stopping | State::Failed => prop_assert_eq!(open, 0),
                State::WaitingForApproval => prop_assert!(open > 0),
                _ => {}
            }
            prop_assert!(machine.doom().is_none() || machine.state() != State::Completed);
        }
    }
}
