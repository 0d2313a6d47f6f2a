//! Checks what a receipt says of models against its usage: what all models were used for is what was counted.

use super::{Difference, VerifyError};
use crate::model_use::{MODELS_TOLD_MAX, ModelUse};
use crate::usage::{Meter, Usage};

/// Each model is listed once, in order, and meter by meter they come to the usage. Only where as many are listed as can
/// be may some of it be of others.
pub(super) fn check(models: &[ModelUse], usage: &Usage) -> Result<(), VerifyError> {
    if models.len() > MODELS_TOLD_MAX {
        return Err(mismatch(
            "models",
            format!("{} of them", models.len()),
            format!("at most {MODELS_TOLD_MAX}"),
        ));
    }
    let pairs = models.iter().zip(models.iter().skip(1));
    for (index, (model, next)) in (1..).zip(pairs) {
        if model.sha256.as_bytes() >= next.sha256.as_bytes() {
            return Err(VerifyError::Model { index });
        }
    }
    ModelUse::METERS
        .iter()
        .try_for_each(|meter| check_sum(models, *meter, usage.get(*meter)))
}

fn check_sum(models: &[ModelUse], meter: Meter, counted: u128) -> Result<(), VerifyError> {
    let field = format!("models[].{meter}");
    let mut parts = models.iter().map(|model| model.get(meter));
    let Some(sum) = parts.try_fold(0_u128, u128::checked_add) else {
        let ours = "more than 128 bits hold".to_owned();
        return Err(mismatch(&field, ours, counted.to_string()));
    };
    match sum == counted || (sum < counted && models.len() == MODELS_TOLD_MAX) {
        true => Ok(()),
        false => Err(mismatch(&field, sum.to_string(), counted.to_string())),
    }
}

fn mismatch(field: &str, ours: String, theirs: String) -> VerifyError {
    VerifyError::Mismatch(Difference {
        field: field.to_owned(),
        ours,
        theirs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn model(name: &str, operations: u128) -> ModelUse {
        ModelUse {
            inference_ops_f32: operations,
            ..ModelUse::nothing(Digest::of(name.as_bytes()))
        }
    }

    fn sorted(mut models: Vec<ModelUse>) -> Vec<ModelUse> {
        models.sort_by_key(|model| *model.sha256.as_bytes());
        models
    }

    fn usage(operations: u128) -> Usage {
        Usage {
            inference_ops_f32: operations,
            ..Usage::default()
        }
    }

    #[test]
    fn models_come_to_the_usage_and_the_meter_that_does_not_is_named() {
        let models = sorted(vec![model("a", 2), model("b", 3)]);
        check(&models, &usage(5)).unwrap();
        check(&[], &usage(0)).unwrap();
        for (models, counted) in [(&models[..], 6), (&models[..], 4), (&[][..], 1)] {
            let error = check(models, &usage(counted)).unwrap_err();
            match error {
                VerifyError::Mismatch(difference) => {
                    assert_eq!(difference.field, "models[].inference_ops_f32");
                    assert_eq!(difference.theirs, counted.to_string());
                }
                other => panic!("{other:?}"),
            }
        }
        let huge = sorted(vec![model("a", u128::MAX), model("b", 1)]);
        assert!(check(&huge, &usage(0)).is_err());
    }

    #[test]
    fn models_out_of_order_and_twice_are_refused() {
        let mut models = sorted(vec![model("a", 2), model("b", 3)]);
        models.reverse();
        assert!(matches!(
            check(&models, &usage(5)),
            Err(VerifyError::Model { index: 1 })
        ));
        let twice = [model("a", 2), model("a", 3)];
        assert!(matches!(
            check(&twice, &usage(5)),
            Err(VerifyError::Model { index: 1 })
        ));
    }

    #[test]
    fn of_a_full_list_less_may_be_listed_than_was_counted_and_never_more() {
        let of = |count: usize| sorted((0..count).map(|it| model(&it.to_string(), 1)).collect());
        check(&of(MODELS_TOLD_MAX), &usage(300)).unwrap();
        assert!(check(&of(MODELS_TOLD_MAX), &usage(255)).is_err());
        assert!(check(&of(MODELS_TOLD_MAX - 1), &usage(300)).is_err());
        assert!(check(&of(MODELS_TOLD_MAX + 1), &usage(300)).is_err());
    }
}
