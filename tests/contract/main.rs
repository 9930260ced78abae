//! Section by section what a control plane may expect of a function, over real sockets.

mod answers;
mod bodies;
mod callback_addresses;
mod callbacks;
mod client_gone;
mod codes;
mod cold_start;
mod command_line;
mod configuration;
mod connections;
mod headers;
mod health;
mod idle_connections;
mod limits;
mod logs;
mod metrics;
mod one_shot;
mod responses;
mod retries;
mod robustness;
mod routing;
mod saturation;
mod starting;
mod stop;
mod time_out;
