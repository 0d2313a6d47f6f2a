//! Owns the shapes of operators that step through a sequence with a state.

use super::{Call, Shapes, positive, size_of};
use crate::table::Charge;
use crate::value::Value;

/// Directions, hidden size and gates × hidden size of a recurrent node, checked against its weights.
pub(crate) fn recurrent(call: &Call<'_>) -> Shapes {
    let (input, weights, recurrence) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let by_batch = call.node.is_set("layout");
    let [outer, inner, features] = *input.dimensions.as_slice() else {
        return Err("its input must have steps, batch and features".into());
    };
    let (steps, batch) = if by_batch {
        (inner, outer)
    } else {
        (outer, inner)
    };
    let Charge::Recurrent(gates) = call.node.operator.charge else {
        return Err("it is no recurrent operator".into());
    };
    let [directions, gate_rows, weight_features] = *weights.dimensions.as_slice() else {
        return Err("its weights must have three dimensions".into());
    };
    let hidden = size_of(&recurrence.dimensions, 2)?;
    let expected: u64 = match call.node.text("direction") {
        b"" | b"forward" | b"reverse" => 1,
        b"bidirectional" => 2,
        _ => return Err("its direction is unknown".into()),
    };
    let declared = call.node.integer("hidden_size", 0);
    if directions != expected
        || weight_features != features
        || hidden.checked_mul(gates) != Some(gate_rows)
        || recurrence.dimensions != [directions, gate_rows, hidden]
        || (declared != 0 && u64::try_from(declared) != Ok(hidden))
    {
        return Err("its weights do not fit its input and direction".into());
    }
    // Shorter sequences are computed, and charged, to the longest one's length.
    if let Some(lengths) = call.optional(4)
        && lengths.dimensions != [batch]
    {
        return Err("the lengths of its sequences do not fit its batch".into());
    }
    let (all, last) = if by_batch {
        (
            vec![batch, steps, directions, hidden],
            vec![batch, directions, hidden],
        )
    } else {
        (
            vec![steps, directions, batch, hidden],
            vec![directions, batch, hidden],
        )
    };
    let last = || Value::new(last.clone(), input.element_type);
    let mut outputs = vec![Value::new(all, input.element_type), last()];
    if call.node.operator.name == "LSTM" {
        outputs.push(last());
    }
    Ok(outputs)
}

/// A depthwise convolution over what came before, which it keeps as a state.
pub(crate) fn causal_conv(call: &Call<'_>) -> Shapes {
    let (input, weights) = (call.input(0)?, call.input(1)?);
    let [batch, channels, _length] = *input.dimensions.as_slice() else {
        return Err("its input must have batch, channels and length".into());
    };
    let [of_channels, 1, kernel] = *weights.dimensions.as_slice() else {
        return Err("its weights must have one channel each".into());
    };
    if of_channels != channels || kernel == 0 {
        return Err("its weights do not fit its channels".into());
    }
    Ok(vec![
        Value::new(input.dimensions.clone(), input.element_type),
        Value::new(vec![batch, channels, kernel - 1], input.element_type),
    ])
}

/// Heads of a linear attention: a state of keys × values for each.
pub(crate) struct LinearHeads {
    pub(crate) batch: u64,
    pub(crate) steps: u64,
    pub(crate) query_heads: u64,
    pub(crate) heads: u64,
    pub(crate) key: u64,
    pub(crate) value: u64,
}

pub(crate) fn linear_heads(call: &Call<'_>) -> Result<LinearHeads, super::Reason> {
    let ([batch, steps, queries], [_, _, keys], [_, _, values]) = (
        dimensions(call, 0)?,
        dimensions(call, 1)?,
        dimensions(call, 2)?,
    );
    let query_heads = positive(call.node.integer("q_num_heads", 0))?;
    let heads = positive(call.node.integer("kv_num_heads", 0))?;
    let (key, value) = (keys / heads, values / heads);
    if key.checked_mul(query_heads) != Some(queries)
        || key * heads != keys
        || value * heads != values
        || query_heads % heads != 0
    {
        return Err("its heads do not fit its inputs".into());
    }
    Ok(LinearHeads {
        batch,
        steps,
        query_heads,
        heads,
        key,
        value,
    })
}

fn dimensions(call: &Call<'_>, index: usize) -> Result<[u64; 3], super::Reason> {
    <[u64; 3]>::try_from(call.input(index)?.dimensions.as_slice())
        .map_err(|_| format!("input {index} must have batch, steps and features"))
}

pub(crate) fn linear_attention(call: &Call<'_>) -> Shapes {
    let input = call.input(0)?;
    let heads = linear_heads(call)?;
    let state = call
        .optional(3)
        .map_or(input.element_type, |state| state.element_type);
    let features = heads
        .query_heads
        .checked_mul(heads.value)
        .ok_or_else(super::overflow)?;
    Ok(vec![
        Value::new(vec![heads.batch, heads.steps, features], input.element_type),
        Value::new(
            vec![heads.batch, heads.heads, heads.key, heads.value],
            state,
        ),
    ])
}
