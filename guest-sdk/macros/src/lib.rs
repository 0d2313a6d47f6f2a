//! The attribute that turns a function into a Meterbox job. It only writes the glue around the
//! function; what a job can do is in `meterbox-guest`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{FnArg, ItemFn};

/// Makes the function below it the job that this crate is: its component's export `run`.
///
/// The function takes one [`Job`](../meterbox_guest/struct.Job.html) and returns nothing, or a
/// `Result<(), E>` whose `E` implements `Display`. An error ends the job as `failed` with that
/// error's message; a panic ends it as `trapped`. A crate has exactly one job.
///
/// Built for another target than WebAssembly, a job named `main` becomes a program that only says
/// where it belongs, so that `cargo check` and doc tests work on any machine.
#[proc_macro_attribute]
pub fn job(
    arguments: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    expand(arguments.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

fn expand(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(syn::Error::new_spanned(
            arguments,
            "`#[meterbox_guest::job]` takes no arguments",
        ));
    }
    let function: ItemFn = syn::parse2(item)?;
    check(&function)?;
    let name = &function.sig.ident;
    // A program's own `main` takes no arguments, so a job of that name moves out of its way.
    let native_main = (name == "main").then(|| {
        quote! {
            #[cfg(not(target_family = "wasm"))]
            #[allow(dead_code)] // a library has no use for it
            fn main() -> ::std::process::ExitCode {
                ::meterbox_guest::export::not_here()
            }
        }
    });
    let glue = quote! {
        struct Exported;
        impl ::meterbox_guest::export::Guest for Exported {
            fn run() -> ::core::result::Result<(), ::std::string::String> {
                ::meterbox_guest::export::Outcome::into_outcome(#name(
                    ::meterbox_guest::export::new_job(),
                ))
            }
        }
        #[cfg(target_family = "wasm")]
        ::meterbox_guest::bindings::export!(Exported with_types_in ::meterbox_guest::bindings);
        // Elsewhere nothing is exported, yet the job is no dead code.
        #[cfg(not(target_family = "wasm"))]
        const _: fn() -> ::core::result::Result<(), ::std::string::String> =
            <Exported as ::meterbox_guest::export::Guest>::run;
    };
    Ok(if native_main.is_some() {
        quote! {
            #native_main
            const _: () = { #function #glue };
        }
    } else {
        quote! {
            #function
            const _: () = { #glue };
        }
    })
}

fn check(function: &ItemFn) -> syn::Result<()> {
    let signature = &function.sig;
    let refuse = |what: &str| Err(syn::Error::new_spanned(signature, what));
    if signature.asyncness.is_some() {
        return refuse("a job is a plain function: take off `async`");
    }
    if !signature.generics.params.is_empty() {
        return refuse("a job has no generic parameters");
    }
    match signature.inputs.first() {
        Some(FnArg::Typed(_)) if signature.inputs.len() == 1 => Ok(()),
        _ => refuse("a job takes exactly one argument: `job: meterbox_guest::Job`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_refused(arguments: TokenStream, item: TokenStream, expected: &str) {
        let message = expand(arguments, item).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn functions_that_are_no_job_are_refused() {
        let none = TokenStream::new;
        check_refused(
            quote!(x),
            quote!(
                fn main(job: Job) {}
            ),
            "no arguments",
        );
        check_refused(
            none(),
            quote!(
                fn main() {}
            ),
            "exactly one",
        );
        check_refused(
            none(),
            quote!(
                fn main(a: Job, b: u8) {}
            ),
            "exactly one",
        );
        check_refused(
            none(),
            quote!(
                fn main(self) {}
            ),
            "exactly one",
        );
        check_refused(
            none(),
            quote!(
                async fn main(job: Job) {}
            ),
            "async",
        );
        check_refused(
            none(),
            quote!(
                fn main<T>(job: T) {}
            ),
            "generic",
        );
    }

    #[test]
    fn only_a_job_named_main_gets_a_native_main() {
        let count = |item| {
            let text = expand(TokenStream::new(), item).unwrap().to_string();
            text.matches("not_here").count()
        };
        assert_eq!(
            count(quote!(
                fn main(job: Job) {}
            )),
            1
        );
        assert_eq!(
            count(quote!(
                fn resize(job: Job) -> Result<(), String> {
                    Ok(())
                }
            )),
            0
        );
    }
}
