//! In a crate that forbids unsafe code and has no prelude.

#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings)]

mod functions {
    #[derive(Debug, ::thiserror::Error, ::nanofaas::FunctionError)]
    #[response(code = "GONE")]
    #[error("gone")]
    pub(crate) struct Gone;

    #[::nanofaas::handler]
    pub(crate) fn typed(item: ::std::string::String) -> ::std::result::Result<::std::string::String, Gone> {
        ::std::result::Result::Ok(item)
    }

    #[::nanofaas::handler]
    pub(crate) async fn wait(
        request: ::nanofaas::Request,
        ::nanofaas::State(_price): ::nanofaas::State<u32>,
    ) -> ::nanofaas::Result {
        ::std::result::Result::Ok(request.input)
    }
}

async fn connect() -> ::nanofaas::Result<u32> {
    ::std::result::Result::Ok(1)
}

#[allow(dead_code, reason = "it would serve")]
mod served {
    ::nanofaas::main!(super::functions::wait, init = super::connect);
}

fn main() {
    let _ = [::nanofaas::App::new(functions::typed), ::nanofaas::App::new(functions::wait)];
}
