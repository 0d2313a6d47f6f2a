//! Owns the shapes of `Attention`: queries, keys and values in three or four dimensions, with or without
//! what came before.

use super::{Call, Reason, Shapes, overflow, positive};
use crate::value::Value;

/// What an attention works on.
pub(crate) struct Heads {
    pub(crate) batch: u64,
    pub(crate) query_heads: u64,
    pub(crate) heads: u64,
    pub(crate) queries: u64,
    /// Keys of this call and those before it.
    pub(crate) keys: u64,
    pub(crate) key_size: u64,
    pub(crate) value_size: u64,
}

/// Batch, heads, length and size of one input: packed in three dimensions, its heads are an attribute.
fn unpacked(call: &Call<'_>, index: usize, heads: &str) -> Result<[u64; 4], Reason> {
    let input = call.input(index)?;
    match *input.dimensions.as_slice() {
        [batch, heads, length, size] => Ok([batch, heads, length, size]),
        [batch, length, features] => {
            let count = positive(call.node.integer(heads, 0))?;
            let size = features / count;
            if size * count != features {
                return Err(format!("input {index} does not split into {count} heads"));
            }
            Ok([batch, count, length, size])
        }
        _ => Err(format!("input {index} must have 3 or 4 dimensions")),
    }
}

pub(crate) fn heads(call: &Call<'_>) -> Result<Heads, Reason> {
    let [batch, query_heads, queries, query_size] = unpacked(call, 0, "q_num_heads")?;
    let [key_batch, heads, length, key_size] = unpacked(call, 1, "kv_num_heads")?;
    let [value_batch, value_heads, value_length, value_size] = unpacked(call, 2, "kv_num_heads")?;
    if [key_batch, value_batch] != [batch; 2]
        || query_size != key_size
        || value_heads != heads
        || value_length != length
        || query_heads.checked_rem(heads) != Some(0)
    {
        return Err("its queries, keys and values do not fit each other".into());
    }
    let before = match (call.optional(4), call.optional(5)) {
        (None, None) => 0,
        (Some(keys), Some(values)) => {
            let before = keys.dimensions.get(2).copied().unwrap_or(0);
            if keys.dimensions != [batch, heads, before, key_size]
                || values.dimensions != [batch, heads, before, value_size]
            {
                return Err("the keys and values before it do not fit its own".into());
            }
            before
        }
        _ => return Err("of the keys and values before it, one is missing".into()),
    };
    Ok(Heads {
        batch,
        query_heads,
        heads,
        queries,
        keys: length.checked_add(before).ok_or_else(overflow)?,
        key_size,
        value_size,
    })
}

pub(crate) fn attention(call: &Call<'_>) -> Shapes {
    let query = call.input(0)?;
    let of = heads(call)?;
    let output = if query.rank() == 3 {
        let features = of
            .query_heads
            .checked_mul(of.value_size)
            .ok_or_else(overflow)?;
        vec![of.batch, of.queries, features]
    } else {
        vec![of.batch, of.query_heads, of.queries, of.value_size]
    };
    let (key, value) = (call.input(1)?, call.input(2)?);
    Ok(vec![
        Value::new(output, query.element_type),
        Value::new(
            vec![of.batch, of.heads, of.keys, of.key_size],
            key.element_type,
        ),
        Value::new(
            vec![of.batch, of.heads, of.keys, of.value_size],
            value.element_type,
        ),
        Value::new(
            vec![of.batch, of.query_heads, of.queries, of.keys],
            query.element_type,
        ),
    ])
}
