//! The same changes on maps, for the journal in memory.

use super::{Change, End, Queued, Refusal};
use crate::interactions::{
    Filter, Grant, Interaction, MAX_GRANTS, MAX_PENDING, MAX_PENDING_PER_SESSION, State, spendable_since,
};
use crate::time::Timestamp;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

/// Settled interactions that the journal in memory keeps, the newest: some tens of megabytes at most.
pub const RING_SETTLED: usize = 1_000;

/// Interactions, grants and queued messages of the journal in memory.
#[derive(Default)]
pub(in crate::journal) struct Kept {
    interactions: HashMap<Arc<str>, Interaction>,
    /// Ids in the order in which they were asked.
    asked: Vec<Arc<str>>,
    /// Ids in the order in which they were settled.
    settled: VecDeque<Arc<str>>,
    grants: Grants,
    queued: Vec<Queued>,
}

impl Kept {
    /// Makes one change; an error is a refusal that changed nothing.
    pub(in crate::journal) fn change(&mut self, change: Change) -> Result<(), Refusal> {
        match change {
            Change::Ask(asked) => self.ask(&asked),
            Change::Settle { id, end, grant } => self.settle(&id, end, grant),
            Change::Spend { id, since } => {
                let found = self.interactions.get_mut(&id).filter(|found| is_unspent(found, since));
                found.map(|found| found.unspent = false).ok_or(Refusal::NotThere)
            }
            Change::UseGrant { session, key } => {
                let found = self.grants.given.contains_key(&(session, key));
                if found { Ok(()) } else { Err(Refusal::NotThere) }
            }
            Change::Revoke { session, key } => self.grants.remove(session, key).ok_or(Refusal::NotThere),
            Change::Queue { put, taken } => {
                if let Some(taken) = taken {
                    let at = self.queued.iter().position(|queued| queued.id == taken).ok_or(Refusal::NotThere)?;
                    self.queued.remove(at);
                }
                self.queued.extend(put);
                Ok(())
            }
            Change::PutBack(queued) => {
                self.queued.insert(0, queued);
                Ok(())
            }
        }
    }

    fn ask(&mut self, asked: &Interaction) -> Result<(), Refusal> {
        if self.interactions.contains_key(&asked.id) {
            return Err(Refusal::Asked(Arc::clone(&asked.id)));
        }
        let since = spendable_since(asked.asked_at);
        let answers = |other: &&Interaction| {
            let open = other.state == State::Pending && !other.is_due(asked.asked_at) || is_unspent(other, since);
            open && other.bound.as_ref().map(|bound| bound.call) == asked.bound.as_ref().map(|bound| bound.call)
        };
        if asked.bound.is_some()
            && let Some(same) = self.interactions.values().find(answers)
        {
            return Err(Refusal::Asked(Arc::clone(&same.id)));
        }
        let pending = || self.interactions.values().filter(|other| other.state == State::Pending);
        let own = |other: &&Interaction| {
            other.session == asked.session && (asked.session.is_some() || other.chat_id == asked.chat_id)
        };
        for (count, most) in
            [(pending().count(), MAX_PENDING), (pending().filter(own).count(), MAX_PENDING_PER_SESSION)]
        {
            if count >= most {
                return Err(Refusal::TooMany(count));
            }
        }
        self.asked.push(Arc::clone(&asked.id));
        self.interactions.insert(Arc::clone(&asked.id), asked.clone());
        Ok(())
    }

    fn settle(&mut self, id: &Arc<str>, end: End, grant: Option<Grant>) -> Result<(), Refusal> {
        let found = self.interactions.get_mut(id);
        let found = found
            .filter(|found| found.state == State::Pending && found.is_due(end.at) == end.wants_due())
            .ok_or(Refusal::NotThere)?;
        found.state = end.state;
        found.decision = end.decision;
        found.answer = end.answer;
        found.resolved_by = end.by;
        found.settled_at = Some(end.at);
        found.unspent = end.unspent;
        self.settled.push_back(Arc::clone(id));
        if self.settled.len() > RING_SETTLED
            && let Some(oldest) = self.settled.pop_front()
        {
            self.interactions.remove(&oldest);
            self.asked.retain(|asked| *asked != oldest);
        }
        if let Some(grant) = grant {
            self.grants.give(grant);
        }
        Ok(())
    }

    pub(super) fn interaction(&self, id: &str) -> Option<Interaction> {
        self.interactions.get(id).cloned()
    }

    pub(super) fn interactions(&self, filter: &Filter) -> Vec<Interaction> {
        let wanted = |found: &&Interaction| {
            filter.state.is_none_or(|state| found.state == state)
                && filter.kind.is_none_or(|kind| found.kind == kind)
                && filter.chat_id.as_ref().is_none_or(|chat| found.chat_id == *chat)
                && filter.session.as_ref().is_none_or(|session| found.session.as_ref() == Some(session))
        };
        let newest = self.asked.iter().rev().filter_map(|id| self.interactions.get(id));
        newest.filter(wanted).take(filter.limit).cloned().collect()
    }

    pub(super) fn due(&self, now: Timestamp, limit: usize) -> Vec<Interaction> {
        let due = self.interactions.values().filter(|found| found.is_due(now));
        due.take(limit).cloned().collect()
    }

    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        let pending = self.interactions.values().filter(|found| found.state == State::Pending);
        pending.filter_map(|found| found.expires_at).min()
    }

    pub(super) fn approval(&self, call: &[u8; 32], since: Timestamp) -> Option<Interaction> {
        let of_call = |found: &&Interaction| found.bound.as_ref().is_some_and(|bound| bound.call == *call);
        self.interactions.values().filter(of_call).find(|found| is_unspent(found, since)).cloned()
    }

    pub(super) fn grants(&self, session: Option<&str>) -> Vec<Grant> {
        let wanted = |grant: &&Grant| session.is_none_or(|session| *grant.session == *session);
        self.grants.in_order.values().filter(wanted).cloned().collect()
    }

    pub(super) fn queued(&self) -> Vec<Queued> {
        self.queued.clone()
    }
}

/// Grants, in the order in which they were given.
#[derive(Default)]
struct Grants {
    in_order: BTreeMap<u64, Grant>,
    /// By session and key.
    given: HashMap<(Arc<str>, Arc<str>), u64>,
    next: u64,
}

impl Grants {
    fn give(&mut self, grant: Grant) {
        let name = (Arc::clone(&grant.session), Arc::clone(&grant.key));
        if let Some(before) = self.given.insert(name, self.next) {
            self.in_order.remove(&before);
        }
        self.in_order.insert(self.next, grant);
        self.next += 1;
        if self.in_order.len() > MAX_GRANTS
            && let Some((_, oldest)) = self.in_order.pop_first()
        {
            self.given.remove(&(oldest.session, oldest.key));
        }
    }

    fn remove(&mut self, session: Arc<str>, key: Arc<str>) -> Option<()> {
        let order = self.given.remove(&(session, key))?;
        self.in_order.remove(&order).map(|_| ())
    }
}

fn is_unspent(found: &Interaction, since: Timestamp) -> bool {
    found.unspent && found.settled_at.is_some_and(|settled| settled >= since)
}
