//! Links the host interfaces of world `job` for components. What each function does is in the file
//! of its package; that each is charged first is here.

mod cli;
mod clocks;
mod filesystem;
mod io;
mod job;
mod random;
mod sockets;

use wasmtime::component::{
    ComponentNamedList, Lift, Linker, LinkerInstance, Lower, ResourceType, Val,
};
use wasmtime::{Engine, Result, StoreContextMut, format_err};

use crate::host::Host;
use crate::host_calls::{INTERFACES, Interface};

pub(crate) use self::clocks::RESOLUTION_NS;

/// A linker that offers all of world `job`, and the meter's budget.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    linker.root().func_wrap(
        meterbox_meter::BUDGET_IMPORT,
        |store: StoreContextMut<'_, Host>, (which,): (u32,)| -> Result<(i64,)> {
            let budgets = &store.data().budgets;
            Ok((budgets.get(which as usize).copied().unwrap_or(0),))
        },
    )?;
    cli::link(&mut linker)?;
    clocks::link(&mut linker)?;
    filesystem::link(&mut linker)?;
    io::link(&mut linker)?;
    job::link(&mut linker)?;
    crate::nn::component::link(&mut linker)?;
    random::link(&mut linker)?;
    sockets::link(&mut linker)?;
    Ok(linker)
}

/// One interface being linked. A function without a price cannot be linked.
pub(crate) struct Linking<'l> {
    interface: &'static Interface,
    instance: LinkerInstance<'l, Host>,
}

impl<'l> Linking<'l> {
    pub(crate) fn of(linker: &'l mut Linker<Host>, name: &str) -> Result<Linking<'l>> {
        let interface = INTERFACES
            .iter()
            .find(|interface| interface.name == name)
            .ok_or_else(|| format_err!("the interface {name} has no prices"))?;
        let instance = match interface.version {
            Some(version) => linker.instance(&format!("{name}@{version}"))?,
            None => linker.instance(name)?,
        };
        Ok(Linking {
            interface,
            instance,
        })
    }

    fn weight(&self, function: &str) -> Result<u64> {
        crate::host_calls::weight(self.interface.name, function).ok_or_else(|| {
            format_err!(
                "the function {}#{function} has no price",
                self.interface.name
            )
        })
    }

    /// Links a function, charged by its weight before it acts.
    pub(crate) fn function<P, R>(
        &mut self,
        name: &str,
        act: impl Fn(&mut Host, P) -> Result<R> + Send + Sync + 'static,
    ) -> Result<&mut Self>
    where
        P: ComponentNamedList + Lift + 'static,
        R: ComponentNamedList + Lower + 'static,
    {
        self.function_on_store(name, move |mut store, params| act(store.data_mut(), params))
    }

    /// The same for a function that reads the guest's memory itself.
    pub(crate) fn function_on_store<P, R>(
        &mut self,
        name: &str,
        act: impl Fn(StoreContextMut<'_, Host>, P) -> Result<R> + Send + Sync + 'static,
    ) -> Result<&mut Self>
    where
        P: ComponentNamedList + Lift + 'static,
        R: ComponentNamedList + Lower + 'static,
    {
        let weight = self.weight(name)?;
        self.instance.func_wrap(
            name,
            move |mut store: StoreContextMut<'_, Host>, params: P| {
                store.data_mut().begin_call(weight)?;
                act(store, params)
            },
        )?;
        Ok(self)
    }

    /// Links a function by dynamic types, for one that answers without looking at much.
    fn function_with_values(
        &mut self,
        name: &str,
        act: fn(&mut Host, &[Val]) -> Result<Option<Val>>,
    ) -> Result<&mut Self> {
        let weight = self.weight(name)?;
        self.instance
            .func_new(name, move |mut store, _ty, params, results| {
                let host = store.data_mut();
                host.begin_call(weight)?;
                if let (Some(value), Some(result)) = (act(host, params)?, results.first_mut()) {
                    *result = value;
                }
                // What was lent for the call is given back, which nothing else does for dynamic types.
                for param in params {
                    if let Val::Resource(lent) = param {
                        lent.resource_drop(&mut store)?;
                    }
                }
                Ok(())
            })?;
        Ok(self)
    }

    /// Links a resource whose host side is a `T`. Ending one is charged like a call.
    pub(crate) fn resource<T: Send + 'static>(&mut self, name: &str) -> Result<&mut Self> {
        self.resource_with(name, |_: &mut Host, _: T| ())
    }

    /// Links a resource that holds something, which is told of its end.
    pub(crate) fn resource_with<T: Send + 'static>(
        &mut self,
        name: &str,
        ended: impl Fn(&mut Host, T) + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        let weight = self.weight(&format!("[resource-drop]{name}"))?;
        self.instance
            .resource(name, ResourceType::host::<T>(), move |mut store, rep| {
                let host = store.data_mut();
                host.begin_call(weight)?;
                let own = wasmtime::component::Resource::<T>::new_own(rep);
                let value = host.resources.delete(own)?;
                ended(host, value);
                Ok(())
            })?;
        Ok(self)
    }
}

/// The bytes of a list of strings, as they cross the boundary.
fn text_bytes<'s>(strings: impl IntoIterator<Item = &'s String>) -> usize {
    strings.into_iter().map(String::len).sum()
}
