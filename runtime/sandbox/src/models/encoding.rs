//! A tensor as bytes, and its digest, which is that of these bytes. Compares and computes nothing.

use meterbox_inference::{ElementType, RANK_MAX, Tensor};
use sha2::{Digest, Sha256};

use crate::host::wide;

/// Every element type that a tensor of a guest's can have. No name begins another one.
const TYPES: [ElementType; 7] = super::wire::TYPES;

/// Bytes that come before the data: the longest name, the rank, and as many dimensions as there can be.
pub const TENSOR_HEAD_BYTES_MAX: usize = 4 + 8 + 4 * RANK_MAX;

/// What comes before the data of an encoded tensor: its element type's name, its rank in 8 bytes, and each
/// dimension in 4, all little-endian. The data follows as it is.
#[must_use]
pub fn tensor_head(tensor: &Tensor) -> Vec<u8> {
    let mut head = Vec::with_capacity(TENSOR_HEAD_BYTES_MAX);
    head.extend_from_slice(tensor.element_type().name().as_bytes());
    head.extend_from_slice(&wide(tensor.dimensions().len()).to_le_bytes());
    for dimension in tensor.dimensions() {
        head.extend_from_slice(&dimension.to_le_bytes());
    }
    head
}

/// The sha256 of a tensor: of its head, and its data.
#[must_use]
pub fn tensor_digest(tensor: &Tensor) -> [u8; 32] {
    Sha256::new()
        .chain_update(tensor_head(tensor))
        .chain_update(tensor.data())
        .finalize()
        .into()
}

/// What an encoded tensor's head says: how long it is itself, and what the tensor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorHead {
    /// Bytes of the head.
    pub head_bytes: usize,
    /// The type of every element.
    pub element_type: ElementType,
    /// Elements along each dimension, outermost first.
    pub dimensions: Vec<u32>,
    /// Bytes of the data that follows.
    pub data_bytes: u64,
}

impl TensorHead {
    /// Reads the head at the start of these bytes, of which [`TENSOR_HEAD_BYTES_MAX`] are always enough.
    /// None if there is no tensor.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<TensorHead> {
        let element_type = TYPES
            .into_iter()
            .find(|one| bytes.starts_with(one.name().as_bytes()))?;
        let rest = bytes.get(element_type.name().len()..)?;
        let (rank, mut rest) = rest.split_first_chunk::<8>()?;
        let rank = usize::try_from(u64::from_le_bytes(*rank)).ok()?;
        if rank > RANK_MAX {
            return None;
        }
        let mut dimensions = Vec::with_capacity(rank);
        let mut elements = 1_u64;
        for _ in 0..rank {
            let (dimension, after) = rest.split_first_chunk::<4>()?;
            let dimension = u32::from_le_bytes(*dimension);
            elements = elements.checked_mul(u64::from(dimension))?;
            dimensions.push(dimension);
            rest = after;
        }
        Some(TensorHead {
            head_bytes: bytes.len() - rest.len(),
            element_type,
            dimensions,
            data_bytes: element_type.bytes_of(elements)?,
        })
    }

    /// The tensor with this data; none if it has another length.
    #[must_use]
    pub fn with_data(self, data: Vec<u8>) -> Option<Tensor> {
        Tensor::new(self.dimensions, self.element_type, data).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn a_tensors_digest_is_over_its_type_rank_dimensions_and_data() {
        let tensor =
            Tensor::new(vec![2, 1], ElementType::F32, vec![1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        let by_hand = b"f32\x02\0\0\0\0\0\0\0\x02\0\0\0\x01\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08";
        assert_eq!(
            tensor_digest(&tensor),
            <[u8; 32]>::from(Sha256::digest(by_hand))
        );
        // As `sha256sum` says of these 27 bytes.
        let hex: String = tensor_digest(&tensor)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            hex,
            "ad78e3eabb8e121798b5cec5dc31413aa93b45ba1f124a22780e3715cf0daa3c"
        );
    }

    #[test]
    fn every_type_and_rank_is_read_back() {
        for element_type in TYPES {
            for rank in 0..=RANK_MAX {
                let dimensions = vec![1; rank];
                let size = element_type.size_bits() / 8;
                let data = vec![7; usize::try_from(size).unwrap()];
                let tensor = Tensor::new(dimensions, element_type, data).unwrap();
                let mut bytes = tensor_head(&tensor);
                assert!(bytes.len() <= TENSOR_HEAD_BYTES_MAX);
                bytes.extend_from_slice(tensor.data());
                let head = TensorHead::read(&bytes).unwrap();
                assert_eq!(head.data_bytes, size);
                let data = bytes[head.head_bytes..].to_vec();
                assert_eq!(head.with_data(data).unwrap(), tensor);
                // Cut anywhere within its head, it is none.
                for length in 0..bytes.len() - tensor.data().len() {
                    assert_eq!(TensorHead::read(&bytes[..length]), None);
                }
            }
        }
    }

    #[test]
    fn heads_that_no_tensor_has_are_refused() {
        let head = |rank: u64, dimensions: &[u32]| {
            let mut bytes = b"f64".to_vec();
            bytes.extend_from_slice(&rank.to_le_bytes());
            for dimension in dimensions {
                bytes.extend_from_slice(&dimension.to_le_bytes());
            }
            TensorHead::read(&bytes)
        };
        assert!(head(8, &[1; 8]).is_some());
        assert_eq!(head(9, &[1; 9]), None);
        assert_eq!(head(u64::MAX, &[]), None);
        assert_eq!(head(3, &[u32::MAX; 3]), None, "a product past 64 bits");
        assert_eq!(TensorHead::read(b"i16\0\0\0\0\0\0\0\0"), None);
    }
}
