//! The gate in front of the sockets, over every order of its threads.

use streamsdk_interleavings::models::read_gate;

#[test]
fn who_waits_is_woken() {
    read_gate::who_waits_is_woken();
}

#[test]
fn all_who_wait_are_woken() {
    read_gate::all_who_wait_are_woken();
}

#[test]
fn a_gate_that_closes_once_more_opens_once_more() {
    read_gate::a_gate_that_closes_once_more_opens_once_more();
}

#[test]
fn what_was_done_before_is_seen_behind_it() {
    read_gate::what_was_done_before_is_seen_behind_it();
}
