//! Owns a run of the outbox: which events are sent, again, later or not at all. Knows no network and no clock
//! but those that it is handed.

use std::error::Error;
use std::time::Duration;

use crate::answer::{Answer, Verdict, verdict};
use crate::backoff::Backoff;
use crate::batch::{Content, content};
use crate::endpoint::Endpoint;
use crate::event::Event;
use crate::store::{State, Store, StoreError};
use crate::surroundings::Surroundings;

/// A request's events have no more bytes than this, or it is one event.
const REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How many ids a summary names.
const NAMED_MAX: usize = 20;

/// Sends one request and says what came back. Follows no redirect and tries once.
pub trait Transport {
    /// Posts `content`.
    fn post(&mut self, content: &Content) -> Answer;
}

/// What happens to an event that the receiver refuses for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnRefusal {
    /// It is put aside with the reason, and the others go on.
    #[default]
    Park,
    /// The run ends, so that nothing overtakes it.
    Stop,
}

/// How a run goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How long to wait after a failed try.
    pub backoff: Backoff,
    /// After how many tries of one request the run ends.
    pub tries_max: u32,
    /// The longest that a receiver may ask to wait.
    pub wait_max: Duration,
    /// How long to wait between requests, to keep to a receiver's rate.
    pub pause: Duration,
    /// What to do with refused events.
    pub on_refusal: OnRefusal,
    /// After how many refused events in a row the run ends: then it is not the events.
    pub refusals_in_a_row_max: u32,
    /// Texts by which a refusal says that the event is there already.
    pub duplicate_marks: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            backoff: Backoff::default(),
            tries_max: 10,
            wait_max: Duration::from_secs(3_600),
            pause: Duration::ZERO,
            on_refusal: OnRefusal::Park,
            refusals_in_a_row_max: 20,
            duplicate_marks: Vec::new(),
        }
    }
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Events that the receiver acknowledged.
    pub delivered: u64,
    /// Of which it said that it had them before.
    pub duplicates: u64,
    /// Events that were acknowledged in an earlier run.
    pub known: u64,
    /// Events that were refused for good.
    pub parked: u64,
    /// Events that were refused for good in an earlier run, and not sent again.
    pub parked_before: u64,
    /// Events that had been acknowledged with another content, and were not sent again.
    pub changed: u64,
    /// The first of their ids.
    pub changed_ids: Vec<String>,
    /// Requests.
    pub requests: u64,
    /// Of which so many had to be made again.
    pub tries_again: u64,
}

/// Why a run ended before the last event.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// What is remembered cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The next event cannot be had.
    #[error("the next event cannot be read")]
    Source(#[source] Box<dyn Error + Send + Sync>),
    /// The receiver was tried as often as it may be.
    #[error("gave up after {tries} tries: {reason}")]
    GaveUp {
        /// How often.
        tries: u32,
        /// Why the last failed.
        reason: String,
    },
    /// The receiver asks to wait for longer than the run may.
    #[error("the receiver asks to wait for {} s: {reason}", .wait.as_secs())]
    WaitTooLong {
        /// For how long.
        wait: Duration,
        /// Why.
        reason: String,
    },
    /// The address, the credential or the form of requests is wrong.
    #[error("{url} takes no events like this: {reason}")]
    Misdirected {
        /// The address.
        url: String,
        /// What it says.
        reason: String,
    },
    /// An event was refused, and the run was to end then.
    #[error("event `{id}` was refused: {reason}")]
    Refused {
        /// The event.
        id: String,
        /// Why.
        reason: String,
    },
    /// So many events were refused in a row that it is not the events.
    #[error("{count} events in a row were refused, the last, `{id}`, with {reason}")]
    AllRefused {
        /// How many.
        count: u32,
        /// The last.
        id: String,
        /// Why.
        reason: String,
    },
}

impl PushError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Store(error) => return error.hint(),
            Self::Source(_) => return None,
            Self::GaveUp { .. } | Self::WaitTooLong { .. } => {
                "run it again later: it goes on where it ended"
            }
            Self::Misdirected { .. } => "check the address, the credential and the receiver's kind",
            Self::Refused { .. } => {
                "mend what the receiver says, or let refused events be put aside"
            }
            Self::AllRefused { .. } => {
                "check the receiver's kind and set-up, then push again what was put aside"
            }
        })
    }
}

/// A run: what it is made of.
pub struct Push<'a> {
    /// Where events go.
    pub endpoint: &'a Endpoint,
    /// What is remembered.
    pub store: &'a mut Store,
    /// What sends.
    pub transport: &'a mut dyn Transport,
    /// Time and chance.
    pub surroundings: &'a mut dyn Surroundings,
    /// How it goes.
    pub options: &'a Options,
    /// Told after each request.
    pub progress: &'a mut dyn FnMut(&Summary),
}

/// What goes on while a run goes on.
struct Run<'a, 'b> {
    push: &'b mut Push<'a>,
    summary: Summary,
    refused_in_a_row: u32,
}

impl Push<'_> {
    /// Sends every event that is not known to be delivered or refused, in order, and says what it did, and why
    /// it ended if it did before the last. The next run, with the same events or more, goes on from there.
    pub fn run<E>(
        &mut self,
        events: impl IntoIterator<Item = Result<Event, E>>,
    ) -> (Summary, Result<(), PushError>)
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let mut run = Run {
            push: self,
            summary: Summary::default(),
            refused_in_a_row: 0,
        };
        let end = run.all(events);
        (run.summary, end)
    }
}

impl Run<'_, '_> {
    fn all<E>(
        &mut self,
        events: impl IntoIterator<Item = Result<Event, E>>,
    ) -> Result<(), PushError>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let events_max = self.push.endpoint.batch_events();
        let (mut batch, mut bytes) = (Vec::<Event>::new(), 0_usize);
        for event in events {
            let event = event.map_err(|error| PushError::Source(error.into()))?;
            if !self.is_new(&event, &batch)? {
                continue;
            }
            bytes = bytes.saturating_add(event.body().len());
            if batch.len() >= events_max || (bytes > REQUEST_BYTES_MAX && !batch.is_empty()) {
                bytes = event.body().len();
                self.deliver(std::mem::take(&mut batch))?;
            }
            batch.push(event);
        }
        if batch.is_empty() {
            Ok(())
        } else {
            self.deliver(batch)
        }
    }

    /// Whether an event is still to be sent: unknown, or refused with another content than it has now.
    fn is_new(&mut self, event: &Event, batch: &[Event]) -> Result<bool, PushError> {
        let waiting = batch.iter().find(|other| other.id() == event.id());
        let known = match waiting {
            Some(other) => Some((State::Acknowledged, other.digest())),
            None => self.push.store.known(event.id())?,
        };
        let count = match known {
            None => return Ok(true),
            Some((State::Parked, digest)) if digest != event.digest() => return Ok(true),
            Some((State::Parked, _)) => &mut self.summary.parked_before,
            Some((State::Acknowledged, digest)) if digest == event.digest() => {
                &mut self.summary.known
            }
            Some((State::Acknowledged, _)) => {
                if self.summary.changed_ids.len() < NAMED_MAX {
                    self.summary.changed_ids.push(event.id().to_owned());
                }
                &mut self.summary.changed
            }
        };
        *count = count.saturating_add(1);
        Ok(false)
    }

    /// Sends a batch. One that is refused is halved until the events are found that are meant.
    fn deliver(&mut self, batch: Vec<Event>) -> Result<(), PushError> {
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop() {
            let verdict = self.send(&part)?;
            let is_one = part.len() == 1;
            match verdict {
                Verdict::Refused { reason } => match part.first().filter(|_| is_one) {
                    Some(event) => self.refused(event, reason)?,
                    None => {
                        let second = part.split_off(part.len() / 2);
                        parts.extend([second, part]);
                    }
                },
                Verdict::TakenBefore if !is_one => {
                    let second = part.split_off(part.len() / 2);
                    parts.extend([second, part]);
                }
                _ => self.taken(&part, verdict == Verdict::TakenBefore)?,
            }
            (self.push.progress)(&self.summary);
        }
        Ok(())
    }

    fn taken(&mut self, events: &[Event], had_before: bool) -> Result<(), PushError> {
        let now = self.push.surroundings.now();
        self.push.store.acknowledge(events, now)?;
        self.refused_in_a_row = 0;
        let count = u64::try_from(events.len()).unwrap_or(u64::MAX);
        self.summary.delivered = self.summary.delivered.saturating_add(count);
        if had_before {
            self.summary.duplicates = self.summary.duplicates.saturating_add(count);
        }
        Ok(())
    }

    fn refused(&mut self, event: &Event, reason: String) -> Result<(), PushError> {
        let id = event.id().to_owned();
        if self.push.options.on_refusal == OnRefusal::Stop {
            return Err(PushError::Refused { id, reason });
        }
        let now = self.push.surroundings.now();
        self.push.store.park(event, &reason, now)?;
        self.summary.parked = self.summary.parked.saturating_add(1);
        self.refused_in_a_row = self.refused_in_a_row.saturating_add(1);
        let count = self.refused_in_a_row;
        if count >= self.push.options.refusals_in_a_row_max {
            return Err(PushError::AllRefused { count, id, reason });
        }
        Ok(())
    }

    /// Sends one request until the receiver takes or refuses it.
    fn send(&mut self, events: &[Event]) -> Result<Verdict, PushError> {
        let options = self.push.options;
        let content = content(self.push.endpoint.form(), events);
        let mut tries = 0_u32;
        loop {
            if self.summary.requests > 0 && !options.pause.is_zero() {
                self.push.surroundings.sleep(options.pause);
            }
            self.summary.requests = self.summary.requests.saturating_add(1);
            let answer = self.push.transport.post(&content);
            let now = self.push.surroundings.now();
            let (at_least, reason) = match verdict(&answer, &options.duplicate_marks, now) {
                Verdict::Wait { at_least, reason } => (at_least.unwrap_or_default(), reason),
                Verdict::Misdirected { reason } => {
                    let url = self.push.endpoint.url().to_owned();
                    return Err(PushError::Misdirected { url, reason });
                }
                verdict => return Ok(verdict),
            };
            tries = tries.saturating_add(1);
            if tries >= options.tries_max {
                return Err(PushError::GaveUp { tries, reason });
            }
            if at_least > options.wait_max {
                return Err(PushError::WaitTooLong {
                    wait: at_least,
                    reason,
                });
            }
            let random = self.push.surroundings.random();
            let wait = options.backoff.wait(tries, random).max(at_least);
            self.push.surroundings.sleep(wait);
            self.summary.tries_again = self.summary.tries_again.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests;
