//! Owns what a receiver's answer means: taken, wait, refused, or a mistake in the address. Waits for nothing.

use std::time::{Duration, SystemTime};

/// What came back of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An answer of HTTP.
    Status {
        /// Its code.
        code: u16,
        /// The `Retry-After` header.
        retry_after: Option<String>,
        /// The `Location` header.
        location: Option<String>,
        /// The beginning of the body, as text.
        excerpt: String,
    },
    /// None: no connection, no answer in time, or one that is no HTTP. The request may have arrived or not.
    None {
        /// Why.
        reason: String,
    },
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver has it.
    Taken,
    /// The receiver had it before: an acknowledgement was lost on its way.
    TakenBefore,
    /// Later it may work.
    Wait {
        /// Not before so long, where the receiver said.
        at_least: Option<Duration>,
        /// Why.
        reason: String,
    },
    /// The receiver will never take this.
    Refused {
        /// Why, in its words.
        reason: String,
    },
    /// The receiver would refuse anything that is sent like this: the address, the credential or the form of
    /// requests is wrong, not an event.
    Misdirected {
        /// Why.
        reason: String,
    },
}

/// What an answer means. `duplicate_marks` are texts by which a refusal says that the event is there already.
#[must_use]
pub fn verdict(answer: &Answer, duplicate_marks: &[String], now: SystemTime) -> Verdict {
    let (code, retry_after, location, excerpt) = match answer {
        Answer::None { reason } => {
            return Verdict::Wait {
                at_least: None,
                reason: reason.clone(),
            };
        }
        Answer::Status {
            code,
            retry_after,
            location,
            excerpt,
        } => (*code, retry_after, location, excerpt),
    };
    let reason = match excerpt.trim() {
        "" => format!("HTTP {code}"),
        words => format!("HTTP {code}: {words}"),
    };
    let is_known = || {
        duplicate_marks
            .iter()
            .any(|mark| excerpt.contains(mark.as_str()))
    };
    match code {
        200..=299 => Verdict::Taken,
        300..=399 => {
            let to = location.as_deref().unwrap_or("nowhere");
            let to: String = to.chars().filter(|c| !c.is_control()).take(200).collect();
            Verdict::Misdirected {
                reason: format!("HTTP {code}: it redirects to {to}"),
            }
        }
        400..=499 if is_known() => Verdict::TakenBefore,
        401 | 403 | 404 | 405 | 407 | 410 | 411 | 415 | 421 | 426 | 431 => {
            Verdict::Misdirected { reason }
        }
        408 | 425 | 429 | 500..=599 => {
            let at_least = retry_after.as_deref().and_then(|text| wait(text, now));
            Verdict::Wait { at_least, reason }
        }
        400..=499 => Verdict::Refused { reason },
        _ => Verdict::Wait {
            at_least: None,
            reason,
        },
    }
}

/// How long a `Retry-After` header says to wait: seconds, or until a date.
fn wait(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    let until = || {
        let date = httpdate::parse_http_date(text).ok()?;
        Some(date.duration_since(now).unwrap_or_default())
    };
    text.parse().ok().map(Duration::from_secs).or_else(until)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16) -> Answer {
        let (retry_after, location) = (None, None);
        Answer::Status {
            code,
            retry_after,
            location,
            excerpt: "why not".to_owned(),
        }
    }

    fn of(code: u16) -> Verdict {
        verdict(&status(code), &[], SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn every_code_has_a_meaning() {
        for code in 100..=999 {
            let kind = match of(code) {
                Verdict::Taken => "taken",
                Verdict::TakenBefore => "before",
                Verdict::Wait { .. } => "wait",
                Verdict::Refused { .. } => "refused",
                Verdict::Misdirected { .. } => "misdirected",
            };
            let expected = match code {
                200..=299 => "taken",
                408 | 425 | 429 | 500..=599 => "wait",
                300..=399 | 401 | 403 | 404 | 405 | 407 | 410 | 411 | 415 | 421 | 426 | 431 => {
                    "misdirected"
                }
                400..=499 => "refused",
                _ => "wait",
            };
            assert_eq!(kind, expected, "{code}");
        }
        assert_eq!(
            of(422),
            Verdict::Refused {
                reason: "HTTP 422: why not".to_owned()
            }
        );
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_700);
        for (text, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(77)),
            ("Sun, 06 Nov 1983 08:49:37 GMT", Some(0)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("99999999999999999999999", None),
        ] {
            assert_eq!(wait(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn a_refusal_that_says_that_the_event_is_there_is_no_refusal() {
        let marks = ["not".to_owned()];
        assert_eq!(
            verdict(&status(422), &marks, SystemTime::UNIX_EPOCH),
            Verdict::TakenBefore
        );
        let marks = ["already".to_owned()];
        let other = verdict(&status(422), &marks, SystemTime::UNIX_EPOCH);
        assert!(matches!(other, Verdict::Refused { .. }));
    }
}
