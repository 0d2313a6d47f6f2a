//! What a run of a model gave: looked at, read, or passed on as it is. Runs nothing.

use crate::bindings::wasi::nn::tensor::{Tensor as RawTensor, TensorType};
use crate::nn::{AnyTensor, Element, Tensor};
use crate::{Error, Result};

/// What a run of a model gave. The bytes of an output move only when it is asked for, and are read
/// where they arrive.
#[derive(Debug)]
pub struct Outputs {
    tensors: Vec<(String, RawTensor)>,
}

/// An output that stays with the provider. It can be given to a further run as it is, which moves none
/// of its bytes.
#[derive(Debug)]
pub struct Held {
    name: String,
    tensor: RawTensor,
}

impl Outputs {
    pub(crate) fn new(tensors: Vec<(String, RawTensor)>) -> Self {
        Self { tensors }
    }

    /// The names of all outputs, in the model's order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.iter().map(|(name, _)| name.as_str())
    }

    /// The shape of the output of this name. Its elements do not move.
    ///
    /// # Errors
    /// [`Error::ModelOutput`] if there is none.
    pub fn shape(&self, name: &str) -> Result<Vec<u32>> {
        Ok(self.find(name)?.dimensions())
    }

    /// The type of the elements of the output of this name. They do not move.
    ///
    /// # Errors
    /// [`Error::ModelOutput`] if there is none.
    pub fn element_type(&self, name: &str) -> Result<TensorType> {
        Ok(self.find(name)?.ty())
    }

    /// The output of this name.
    ///
    /// # Errors
    /// [`Error::ModelOutput`] if there is none or if its elements are of another type,
    /// [`Error::Shape`] if it is not as long as its shape says.
    pub fn get<T: Element>(&self, name: &str) -> Result<Tensor<T>> {
        read(name, self.find(name)?)
    }

    /// The output of this name, of exactly this shape.
    ///
    /// # Errors
    /// As for [`get`](Self::get), and [`Error::ModelOutput`] if the shape is another.
    pub fn get_shaped<T: Element>(&self, name: &str, shape: &[u32]) -> Result<Tensor<T>> {
        let found = self.shape(name)?;
        if found != shape {
            let text = |shape: &[u32]| format!("of shape {shape:?}");
            return Err(unexpected(name, text(shape), text(&found)));
        }
        self.get(name)
    }

    /// The output of a model that has one, whatever its name is.
    ///
    /// # Errors
    /// As for [`get`](Self::get), and [`Error::ModelOutput`] if there is not exactly one.
    pub fn only<T: Element>(&self) -> Result<Tensor<T>> {
        match &self.tensors[..] {
            [(name, tensor)] => read(name, tensor),
            [] => Err(unexpected("", "one output".into(), "none".into())),
            [(first, _), ..] => {
                let found = format!("one of {}", self.quoted_names());
                Err(unexpected(first, "the only one".into(), found))
            }
        }
    }

    /// The output of this name, taken out without moving its bytes, to give it to a further run.
    ///
    /// # Errors
    /// [`Error::ModelOutput`] if there is none, or if it was taken before.
    pub fn take(&mut self, name: &str) -> Result<Held> {
        self.find(name)?;
        let taken = self.tensors.iter().position(|(found, _)| found == name);
        let (name, tensor) = self
            .tensors
            .remove(taken.expect("it has just been found there"));
        Ok(Held { name, tensor })
    }

    fn find(&self, name: &str) -> Result<&RawTensor> {
        let found = self.tensors.iter().find(|(found, _)| found == name);
        found.map(|(_, tensor)| tensor).ok_or_else(|| {
            let found = format!("not there, only {}", self.quoted_names());
            unexpected(name, "a tensor of that name".to_string(), found)
        })
    }

    fn quoted_names(&self) -> String {
        let names: Vec<_> = self.names().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    }
}

impl Held {
    /// Hands a tensor to the provider, to be held until a run takes it: the first state, for instance.
    ///
    /// # Errors
    /// As for making the tensor.
    pub fn new(tensor: &dyn AnyTensor) -> Result<Self> {
        Ok(Self {
            name: String::new(),
            tensor: tensor.parts()?.to_raw(),
        })
    }

    /// The size of each dimension.
    pub fn shape(&self) -> Vec<u32> {
        self.tensor.dimensions()
    }

    /// The type of its elements.
    pub fn element_type(&self) -> TensorType {
        self.tensor.ty()
    }

    /// Its elements, which move to the job; it can still be given to a run.
    ///
    /// # Errors
    /// [`Error::ModelOutput`] if its elements are of another type.
    pub fn read<T: Element>(&self) -> Result<Tensor<T>> {
        read(&self.name, &self.tensor)
    }

    pub(crate) fn raw(&self) -> &RawTensor {
        &self.tensor
    }

    pub(crate) fn into_raw(self) -> RawTensor {
        self.tensor
    }
}

fn read<T: Element>(name: &str, tensor: &RawTensor) -> Result<Tensor<T>> {
    let found = tensor.ty();
    if found != T::TYPE {
        let (expected, found) = (T::TYPE.name(), found.name());
        return Err(unexpected(
            name,
            format!("of {expected}"),
            format!("of {found}"),
        ));
    }
    Tensor::from_bytes(&tensor.dimensions(), tensor.data())
}

fn unexpected(name: &str, expected: String, found: String) -> Error {
    Error::ModelOutput {
        name: name.to_string(),
        expected,
        found,
    }
}
