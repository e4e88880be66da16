//! The handle that ends a producer, over every order of its threads.

use streamsdk_interleavings::models::stop_handle;

#[test]
fn a_wait_ends() {
    stop_handle::a_wait_ends();
}

#[test]
fn all_waits_end() {
    stop_handle::all_waits_end();
}

#[test]
fn what_is_to_be_done_is_done_once() {
    stop_handle::what_is_to_be_done_is_done_once();
}
