//! Many threads at a time, and one wait for the disk.

use std::sync::Arc;
use std::sync::mpsc::channel;

use meterbox_billing::receipt::Receipt;

use super::*;

fn seal(order: &Order, next: Next) -> Result<SealedReceipt, EnvelopeError> {
    let receipt = fixture::receipt(order, next.sequence, next.previous);
    SealedReceipt::seal(&Draft::of(receipt)?, next, &provider())
}

fn record(books: &Books, order: &Order) -> Result<Recorded, LedgerError> {
    let signed = order.clone();
    books.record_with(&order.id, move |next| seal(&signed, next))
}

#[test]
fn many_threads_record_at_once_and_the_chain_is_whole() {
    let (_folder, path) = books();
    let books = Arc::new(Books::start(open(&path)).unwrap());
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let books = Arc::clone(&books);
            std::thread::spawn(move || {
                for number in 0..10 {
                    let order = order(&format!("{thread}-{number}"), number);
                    assert_eq!(
                        books.accept(new_order(&order, "1")).unwrap(),
                        Accept::Accepted
                    );
                    let recorded = record(&books, &order).unwrap();
                    // It is on disk, and others see it, before this thread is answered.
                    let kept = books.read(|reader| reader.receipt(&order.id)).unwrap();
                    assert_eq!(kept.unwrap(), recorded.envelope);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let ledger = Arc::into_inner(books).unwrap().close().unwrap();
    assert_eq!(ledger.next_sequence().unwrap(), 80);
    assert_eq!(ledger.check().unwrap(), []);
}

/// Something that a thread asks of the books.
type Request<T> = Box<dyn FnOnce(&Books) -> Result<T, LedgerError> + Send>;

/// Runs requests that share a transaction: all wait while another one holds the writer up.
fn together<T: Send>(
    books: &Books,
    requests: impl IntoIterator<Item = Request<T>>,
) -> Vec<Result<T, LedgerError>> {
    let first = order("holds-up", 1);
    books.accept(new_order(&first, "1")).unwrap();
    let (go, wait) = channel::<()>();
    let (entered, is_in) = channel::<()>();
    std::thread::scope(|scope| {
        let holder = scope.spawn(|| {
            let signed = first.clone();
            books.record_with(&first.id, move |next| {
                entered.send(()).unwrap();
                wait.recv().unwrap();
                seal(&signed, next)
            })
        });
        is_in.recv().unwrap();
        let requests: Vec<_> = requests
            .into_iter()
            .map(|request| scope.spawn(move || request(books)))
            .collect();
        // All are queued once they have been given the time; if one were not, it would share no
        // transaction with the others, and all of this would hold as well.
        std::thread::sleep(Duration::from_millis(50));
        go.send(()).unwrap();
        holder.join().unwrap().unwrap();
        requests.into_iter().map(|it| it.join().unwrap()).collect()
    })
}

#[test]
fn what_is_refused_of_one_request_changes_nothing_of_the_others() {
    let (_folder, path) = books();
    let books = Books::start(open(&path)).unwrap();
    let names = ["good", "panics", "wrong", "fails", "also-good"];
    for name in names {
        books.accept(new_order(&order(name, 1), "1")).unwrap();
    }
    let requests = names.map(|name| {
        let request: Request<Recorded> = Box::new(move |books| {
            let order = order(name, 1);
            let id = order.id.clone();
            books.record_with(&id, move |next| match name {
                "panics" => panic!("a bug of the caller's"),
                "fails" => Err(EnvelopeError::NoSignature),
                "wrong" => seal(
                    &order,
                    Next {
                        sequence: next.sequence + 1,
                        ..next
                    },
                ),
                _ => seal(&order, next),
            })
        });
        request
    });
    let results = together(&books, requests);
    assert!(results[0].is_ok() && results[4].is_ok());
    assert!(matches!(results[1], Err(LedgerError::Panicked)));
    assert!(matches!(results[2], Err(LedgerError::NotNext { .. })));
    assert!(matches!(results[3], Err(LedgerError::Document(_))));
    let ledger = books.close().unwrap();
    assert_eq!(ledger.next_sequence().unwrap(), 3);
    assert_eq!(ledger.stats().unwrap().pending, 3);
    assert_eq!(ledger.check().unwrap(), []);
}

#[test]
fn what_was_signed_for_a_place_that_stayed_free_is_signed_again() {
    let (_folder, path) = books();
    let books = Books::start(open(&path)).unwrap();
    let names = ["first", "refused", "moves-up", "next"];
    for name in names {
        books.accept(new_order(&order(name, 1), "1")).unwrap();
    }
    let record = |name: &'static str| {
        let order = order(name, 1);
        let (asked, places) = channel();
        let done = books.record_with(&order.id.clone(), move |next| {
            asked.send(next.sequence).unwrap();
            match name {
                "refused" => {
                    let attested = fixture::attested(&order, next.sequence, next.previous);
                    let mut part = fixture::reproducible(&order, 1);
                    part.total = amount("0.9");
                    let draft = Draft::of(Receipt::new(part, attested)?)?;
                    SealedReceipt::seal(&draft, next, &provider())
                }
                _ => seal(&order, next),
            }
        });
        (done, places.into_iter().collect::<Vec<_>>())
    };
    let (done, places) = record("first");
    assert_eq!((done.unwrap().sequence, places), (0, vec![0]));
    let (done, places) = record("refused");
    assert!(matches!(
        done,
        Err(LedgerError::NotNext {
            field: "reproducible.total",
            ..
        })
    ));
    assert_eq!(places, [1]);
    let (done, places) = record("moves-up");
    assert_eq!((done.unwrap().sequence, places), (1, vec![2, 1]));
    // From here on places are known ahead again.
    let (done, places) = record("next");
    assert_eq!((done.unwrap().sequence, places), (2, vec![2]));
    let ledger = books.close().unwrap();
    assert_eq!(ledger.next_sequence().unwrap(), 3);
    assert_eq!(ledger.check().unwrap(), []);
}

#[test]
fn one_budget_is_not_spent_twice_by_orders_that_come_together() {
    let (_folder, path) = books();
    let books = Books::start(open(&path)).unwrap();
    books.grant(budgets::grant("deposit", "3")).unwrap();
    let requests = ["a", "b", "c"].map(|name| {
        let request: Request<Accept> =
            Box::new(move |books| books.accept(new_order(&order(name, 1), "1")));
        request
    });
    // One of the three is held already, so two fit.
    let results = together(&books, requests);
    let left = results.iter().filter(|result| result.is_err()).count();
    // The one that holds up is charged far less than its hold when it is recorded.
    assert_eq!(left, 1, "{results:?}");
    let ledger = books.close().unwrap();
    assert_eq!(ledger.check().unwrap(), []);
}

#[test]
fn readers_see_whole_transactions_while_others_write() {
    let (_folder, path) = books();
    let books = Arc::new(Books::start(open(&path)).unwrap());
    let writing = {
        let books = Arc::clone(&books);
        std::thread::spawn(move || {
            for number in 0..30 {
                let order = order(&format!("{number}"), number);
                books.accept(new_order(&order, "1")).unwrap();
                record(&books, &order).unwrap();
            }
        })
    };
    let reader = Reader::open(&path).unwrap();
    loop {
        let is_over = writing.is_finished();
        assert_eq!(reader.check().unwrap(), []);
        if is_over {
            break;
        }
    }
    writing.join().unwrap();
    assert_eq!(reader.next_sequence().unwrap(), 30);
}

#[test]
fn corrections_and_checkpoints_go_through_the_same_thread() {
    let (_folder, path) = books();
    let books = Books::start(open(&path)).unwrap();
    let one = order("one", 1);
    books.accept(new_order(&one, "1")).unwrap();
    books.abandon(&one.id, fault("x")).unwrap();
    books.accept(new_order(&one, "1")).unwrap();
    let recorded = record(&books, &one).unwrap();
    let credit = fixture::credit("c", &recorded.digest, recorded.total);
    let credit = fixture::sealed(&credit, &provider());
    assert_eq!(books.give_credit(credit).unwrap(), Posted::New);
    let accepted = meterbox_billing::acceptance::Verdict::Accepted {};
    let accepted = fixture::verdict(&recorded.digest, accepted);
    let accepted = fixture::sealed(&accepted, &requestor());
    assert_eq!(books.judge(accepted).unwrap(), Posted::New);
    assert_eq!(books.put_checkpoint(1, b"n".to_vec()).unwrap(), Posted::New);
    let ledger = books.close().unwrap();
    assert_eq!(balances(&ledger)[0], pair("provider:income", "0 USD"));
    assert_eq!(ledger.check().unwrap(), []);
}
