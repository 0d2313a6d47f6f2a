//! Writes down what goes into models and what comes out, for other programs to read. Changes neither.

use std::cell::{Cell, RefCell};

use crate::bindings::wasi::nn::tensor::Tensor as RawTensor;
use crate::nn::bytes::Parts;
use crate::nn::shape::Shape;
use crate::nn::{Bytes, TensorType};
use crate::{Job, Output, Result};

/// A recording of the tensors of every run: the output `NAME.npy` has them one behind the other in
/// numpy's format, the output `NAME.tsv` has a line for each with the number of the run, the model, `in` or
/// `out`, and the tensor's name. With numpy:
///
/// ```python
/// with open("calls.npy", "rb") as arrays:
///     for line in open("calls.tsv"):
///         print(line.split("\t"), numpy.load(arrays).shape)
/// ```
///
/// It costs what its bytes cost, so leave it out where nobody looks at it:
///
/// ```no_run
/// # fn of(job: meterbox_guest::Job) -> meterbox_guest::Result<()> {
/// # use std::rc::Rc;
/// # use meterbox_guest::nn::{Model, Recording};
/// let mut model = Model::by_name("model")?;
/// if job.args().iter().any(|argument| argument == "--keep-tensors") {
///     model.record_to(&Rc::new(Recording::new(&job, "calls")?));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Recording {
    lines: RefCell<Output>,
    arrays: RefCell<Output>,
    calls: Cell<u64>,
}

impl Recording {
    /// A recording in the outputs `NAME.tsv` and `NAME.npy`.
    ///
    /// # Errors
    /// As for [`Job::output`].
    pub fn new(job: &Job, name: &str) -> Result<Self> {
        Ok(Self {
            lines: RefCell::new(job.output(&format!("{name}.tsv"))?),
            arrays: RefCell::new(job.output(&format!("{name}.npy"))?),
            calls: Cell::new(0),
        })
    }

    pub(crate) fn begin_call(&self) {
        self.calls.set(self.calls.get() + 1);
    }

    /// Notes an input that the job gives.
    pub(crate) fn given(&self, model: &str, name: &str, parts: &Parts<'_>) {
        self.note(
            "in",
            model,
            name,
            &parts.shape,
            parts.element_type,
            &parts.bytes,
        );
    }

    /// Notes a tensor that the provider holds.
    pub(crate) fn held(
        &self,
        direction: &str,
        model: &str,
        name: &str,
        tensor: &RawTensor,
    ) -> Result<()> {
        let bytes = tensor.data();
        let tensor = Bytes::new(tensor.dimensions(), tensor.ty(), &bytes)?;
        let shape = Shape::new(tensor.shape())?;
        self.note(
            direction,
            model,
            name,
            &shape,
            tensor.element_type(),
            &bytes,
        );
        Ok(())
    }

    fn note(
        &self,
        direction: &str,
        model: &str,
        name: &str,
        shape: &Shape,
        element_type: TensorType,
        bytes: &[u8],
    ) {
        let call = self.calls.get();
        let line = format!("{call}\t{}\t{direction}\t{}\n", plain(model), plain(name));
        self.lines.borrow_mut().append(line.as_bytes());
        let mut arrays = self.arrays.borrow_mut();
        arrays.append(&header(shape.sizes(), element_type));
        arrays.append(bytes);
    }
}

/// A name without what would end its column or its line.
fn plain(name: &str) -> String {
    name.replace(['\t', '\n', '\r'], " ")
}

/// What stands before an array's bytes in numpy's format, version 1.0.
fn header(shape: &[u32], element_type: TensorType) -> Vec<u8> {
    /// Arrays begin at a multiple of this.
    const ALIGNMENT: usize = 64;
    let kind = match element_type {
        TensorType::Fp16 => "<f2",
        TensorType::Fp32 => "<f4",
        TensorType::Fp64 => "<f8",
        TensorType::Bf16 => "<u2", // numpy has no such type: its bits
        TensorType::U8 => "|u1",
        TensorType::I32 => "<i4",
        TensorType::I64 => "<i8",
    };
    let sizes: String = shape.iter().map(|size| format!("{size},")).collect();
    let mut text = format!("{{'descr':'{kind}','fortran_order':False,'shape':({sizes}),}}");
    let before = 10; // the magic, the version and the length
    let whole = (before + text.len() + 1).next_multiple_of(ALIGNMENT);
    text.extend(std::iter::repeat_n(' ', whole - before - text.len() - 1));
    text.push('\n');
    let length = u16::try_from(text.len()).expect("eight sizes take some dozens of bytes");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_multiple_of_64_bytes_and_ends_its_line() {
        let check = |shape: &[u32], element_type, dictionary: &str| {
            let bytes = header(shape, element_type);
            assert_eq!(bytes.len() % 64, 0);
            assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
            let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
            assert_eq!(length, bytes.len() - 10);
            let text = std::str::from_utf8(&bytes[10..]).unwrap();
            assert!(text.ends_with('\n'));
            assert_eq!(text.trim_end(), dictionary);
        };
        check(
            &[2, 1, 128],
            TensorType::Fp32,
            "{'descr':'<f4','fortran_order':False,'shape':(2,1,128,),}",
        );
        check(
            &[],
            TensorType::U8,
            "{'descr':'|u1','fortran_order':False,'shape':(),}",
        );
        check(
            &[u32::MAX; 8],
            TensorType::I64,
            &format!(
                "{{'descr':'<i8','fortran_order':False,'shape':({}),}}",
                "4294967295,".repeat(8)
            ),
        );
    }

    #[test]
    fn a_name_stays_in_its_column() {
        assert_eq!(plain("a\tb\nc"), "a b c");
    }
}
