//! A Lisp interpreter: expressions in reference-counted lists, environments in chains.
#![no_main]

use programs::mix;

use std::cell::RefCell;
use std::rc::Rc;

type Builtin = fn(&[Value]) -> Value;

#[derive(Clone)]
enum Value {
    Number(i64),
    Symbol(Rc<str>),
    List(Rc<Vec<Value>>),
    Function(Rc<Function>),
    Builtin(Builtin),
}

struct Function {
    parameters: Vec<Rc<str>>,
    body: Value,
    scope: Rc<Scope>,
}

struct Scope {
    names: RefCell<Vec<(Rc<str>, Value)>>,
    outer: Option<Rc<Scope>>,
}

impl Scope {
    fn find(&self, name: &str) -> Value {
        let names = self.names.borrow();
        match names.iter().find(|(known, _)| **known == *name) {
            Some((_, value)) => value.clone(),
            None => self.outer.as_ref().expect("a known name").find(name),
        }
    }
}

impl Value {
    fn number(&self) -> i64 {
        match self {
            Value::Number(number) => *number,
            _ => panic!("a number is needed"),
        }
    }

    fn list(&self) -> &[Value] {
        match self {
            Value::List(items) => items,
            _ => panic!("a list is needed"),
        }
    }

    fn symbol(&self) -> Rc<str> {
        match self {
            Value::Symbol(name) => Rc::clone(name),
            _ => panic!("a symbol is needed"),
        }
    }
}

fn read<'a>(tokens: &mut impl Iterator<Item = &'a str>) -> Option<Value> {
    let token = tokens.next()?;
    Some(match token {
        "(" => {
            let mut items = Vec::new();
            while let Some(item) = read(tokens) {
                items.push(item);
            }
            Value::List(Rc::new(items))
        }
        ")" => return None,
        token => match token.parse() {
            Ok(number) => Value::Number(number),
            Err(_) => Value::Symbol(token.into()),
        },
    })
}

fn evaluate(expression: &Value, scope: &Rc<Scope>) -> Value {
    let items = match expression {
        Value::Symbol(name) => return scope.find(name),
        Value::List(items) => items,
        value => return value.clone(),
    };
    if let Value::Symbol(name) = &items[0] {
        match &**name {
            "if" => {
                let chosen = if evaluate(&items[1], scope).number() != 0 {
                    2
                } else {
                    3
                };
                return evaluate(&items[chosen], scope);
            }
            "define" => {
                let value = evaluate(&items[2], scope);
                scope.names.borrow_mut().push((items[1].symbol(), value));
                return Value::Number(0);
            }
            "lambda" => {
                return Value::Function(Rc::new(Function {
                    parameters: items[1].list().iter().map(Value::symbol).collect(),
                    body: items[2].clone(),
                    scope: Rc::clone(scope),
                }));
            }
            _ => {}
        }
    }
    let callee = evaluate(&items[0], scope);
    let arguments: Vec<Value> = items[1..]
        .iter()
        .map(|item| evaluate(item, scope))
        .collect();
    match callee {
        Value::Builtin(builtin) => builtin(&arguments),
        Value::Function(function) => {
            let names = function.parameters.iter().cloned().zip(arguments).collect();
            let inner = Scope {
                names: RefCell::new(names),
                outer: Some(Rc::clone(&function.scope)),
            };
            evaluate(&function.body, &Rc::new(inner))
        }
        _ => panic!("a function is needed"),
    }
}

fn builtins() -> Vec<(Rc<str>, Value)> {
    let all: [(&str, Builtin); 8] = [
        ("+", |a| {
            Value::Number(a[0].number().wrapping_add(a[1].number()))
        }),
        ("-", |a| {
            Value::Number(a[0].number().wrapping_sub(a[1].number()))
        }),
        ("*", |a| {
            Value::Number(a[0].number().wrapping_mul(a[1].number()))
        }),
        ("<", |a| {
            Value::Number(i64::from(a[0].number() < a[1].number()))
        }),
        ("empty", |a| {
            Value::Number(i64::from(a[0].list().is_empty()))
        }),
        ("first", |a| a[0].list()[0].clone()),
        ("rest", |a| Value::List(Rc::new(a[0].list()[1..].to_vec()))),
        ("pair", |a| {
            let mut items = vec![a[0].clone()];
            items.extend_from_slice(a[1].list());
            Value::List(Rc::new(items))
        }),
    ];
    all.map(|(name, builtin)| (name.into(), Value::Builtin(builtin)))
        .to_vec()
}

const PROGRAM: &str = "
(define none (rest (pair 0 (rest-of-nothing))))
(define range (lambda (from to) (if (< from to) (pair from (range (+ from 1) to)) none)))
(define map (lambda (f list) (if (empty list) none (pair (f (first list)) (map f (rest list))))))
(define fold (lambda (f sum list) (if (empty list) sum (fold f (f sum (first list)) (rest list)))))
(define fib (lambda (n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))))
(define compose (lambda (f g) (lambda (x) (f (g x)))))
(fold (lambda (a b) (+ (* a 31) b)) (fib 12)
  (map (compose (lambda (x) (* x x)) (lambda (x) (- x 7))) (range 0 30)))
";

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let spaced = PROGRAM.replace('(', " ( ").replace(')', " ) ");
    let mut checksum = 0;
    for _ in 0..n {
        let mut names = builtins();
        names.push((
            "rest-of-nothing".into(),
            Value::Builtin(|_| Value::List(Rc::new(vec![]))),
        ));
        let scope = Rc::new(Scope {
            names: RefCell::new(names),
            outer: None,
        });
        let mut tokens = spaced.split_whitespace();
        let mut last = 0;
        while let Some(expression) = read(&mut tokens) {
            last = evaluate(&expression, &scope).number();
        }
        // The definitions hold the scope that holds them.
        scope.names.borrow_mut().clear();
        checksum = mix(checksum, last as u64);
    }
    checksum
}
