#[nanofaas::handler]
const HANDLE: u32 = 1;

fn main() {
    let _ = HANDLE;
}
