use super::*;

const OFFSET: u32 = u32::MAX - 4_000;
const STEP: u32 = 3_000;
const INTERVAL: Duration = Duration::from_millis(33);

type Numbers = Pairing<u32, u32>;

fn pairing() -> Numbers {
    Pairing::new(PairingConfig::default())
}

fn frame(pairing: &mut Numbers, number: u32, continuity: Continuity) {
    let rtp_time = OFFSET.wrapping_add(number * STEP);
    let arrived = INTERVAL * number + Duration::from_millis(10);
    pairing.push_frame(FrameStamp { rtp_time, continuity, arrived }, number);
}

fn data(pairing: &mut Numbers, number: u32) {
    let stamp = DataStamp {
        frame_id: number,
        pts: Some(number * STEP),
        received_at: ServerTime::from_iso8601(&format!(
            "T11:15:{:06.3}",
            0.033 * f64::from(number)
        )),
        arrived: INTERVAL * number,
    };
    pairing.push_data(stamp, number);
}

/// A report sent 20 ms after the server took frame `number`.
fn report(pairing: &mut Numbers, number: u32) {
    let millis = 33 * u64::from(number) + 20;
    let ntp_time = ((90_000 + millis / 1_000) << 32) + ((millis % 1_000) << 32) / 1_000;
    let rtp_time = OFFSET.wrapping_add(number * STEP);
    pairing.push_report(SenderReport { rtp_time, ntp_time });
}

fn popped(pairing: &mut Numbers) -> Vec<Paired<u32, u32>> {
    std::iter::from_fn(|| pairing.pop()).collect()
}

fn both(numbers: impl IntoIterator<Item = u32>) -> Vec<Paired<u32, u32>> {
    numbers.into_iter().map(|number| Paired::Both(number, number)).collect()
}

#[test]
fn the_first_frame_pairs_at_once_with_the_first_message() {
    let mut pairing = pairing();
    data(&mut pairing, 1);
    frame(&mut pairing, 1, Continuity::First);
    assert_eq!(popped(&mut pairing), both([1]));
    assert_eq!(pairing.statistics().evidence, Some(Evidence::Counted));
}

#[test]
fn when_the_first_messages_are_lost_frames_are_counted() {
    let mut pairing = pairing();
    frame(&mut pairing, 1, Continuity::First);
    for number in 2..=5 {
        frame(&mut pairing, number, Continuity::Next);
        if number >= 3 {
            data(&mut pairing, number);
        }
    }
    let mut expected = vec![Paired::FrameOnly(1), Paired::FrameOnly(2)];
    expected.extend(both(3..=5));
    assert_eq!(popped(&mut pairing), expected);
}

#[test]
fn when_the_first_frame_is_lost_everything_waits_for_a_report() {
    let mut pairing = pairing();
    data(&mut pairing, 1);
    for number in 2..=20 {
        data(&mut pairing, number);
        frame(
            &mut pairing,
            number,
            if number == 2 { Continuity::AfterGap } else { Continuity::Next },
        );
    }
    report(&mut pairing, 20);
    assert_eq!(popped(&mut pairing), [], "a steady rate allows several offsets");
    data(&mut pairing, 21);
    let mut expected = vec![Paired::DataOnly(1)];
    expected.extend(both(2..=20));
    assert_eq!(popped(&mut pairing), expected);
    assert_eq!(pairing.statistics().evidence, Some(Evidence::Reported));
    assert_eq!(pairing.statistics().corrected, 0);
}

#[test]
fn a_report_corrects_a_first_frame_that_was_not_the_first() {
    let mut pairing = pairing();
    for number in 1..=10 {
        data(&mut pairing, number);
        if number >= 2 {
            frame(
                &mut pairing,
                number,
                if number == 2 { Continuity::First } else { Continuity::Next },
            );
        }
    }
    assert_eq!(popped(&mut pairing)[0], Paired::Both(2, 1));
    report(&mut pairing, 10);
    data(&mut pairing, 11);
    frame(&mut pairing, 11, Continuity::Next);
    data(&mut pairing, 12);
    frame(&mut pairing, 12, Continuity::Next);
    assert_eq!(popped(&mut pairing), [&[Paired::DataOnly(10)][..], &both([11, 12])].concat());
    assert_eq!(pairing.statistics().corrected, 1);
}

#[test]
fn a_report_about_no_frame_is_ignored() {
    let mut pairing = pairing();
    for number in 1..=10 {
        data(&mut pairing, number);
        frame(&mut pairing, number, Continuity::AfterGap);
    }
    pairing.push_report(SenderReport { rtp_time: 7, ntp_time: 0 });
    report(&mut pairing, 100);
    data(&mut pairing, 11);
    assert_eq!(pairing.statistics().evidence, None);
}

#[test]
fn without_reports_the_hold_ends_with_the_order_of_arrival() {
    let mut pairing = pairing();
    data(&mut pairing, 1);
    for number in 2..=51 {
        data(&mut pairing, number);
        frame(&mut pairing, number, Continuity::AfterGap);
        assert!(number >= 51 || popped(&mut pairing).is_empty(), "the hold is 1.6 s");
    }
    assert_eq!(popped(&mut pairing)[1..], both(2..=51));
    assert_eq!(pairing.statistics().evidence, Some(Evidence::Guessed));
}

#[test]
fn what_is_lost_holds_up_one_pair_and_no_more() {
    let mut pairing = pairing();
    data(&mut pairing, 1);
    frame(&mut pairing, 1, Continuity::First);
    data(&mut pairing, 2);
    data(&mut pairing, 3);
    frame(&mut pairing, 3, Continuity::AfterGap);
    assert_eq!(popped(&mut pairing), both([1]));
    frame(&mut pairing, 4, Continuity::Next);
    frame(&mut pairing, 5, Continuity::Next);
    data(&mut pairing, 5);
    let expected = [&[Paired::DataOnly(2)][..], &both([3])].concat();
    assert_eq!(popped(&mut pairing), expected);
    data(&mut pairing, 6);
    frame(&mut pairing, 6, Continuity::Next);
    assert_eq!(popped(&mut pairing), [&[Paired::FrameOnly(4)][..], &both([5, 6])].concat());
}

#[test]
fn neighbours_that_swap_places_come_out_in_order() {
    let mut pairing = pairing();
    data(&mut pairing, 1);
    frame(&mut pairing, 1, Continuity::First);
    frame(&mut pairing, 3, Continuity::AfterGap);
    frame(&mut pairing, 2, Continuity::AfterGap);
    data(&mut pairing, 2);
    data(&mut pairing, 3);
    assert_eq!(popped(&mut pairing), both(1..=3));
}

#[test]
fn a_message_about_no_frame_comes_out_at_once() {
    let mut pairing = pairing();
    pairing.push_data(DataStamp::new(None, Duration::ZERO), 7);
    assert_eq!(popped(&mut pairing), [Paired::DataOnly(7)]);
}

#[test]
fn an_offset_that_fits_nothing_is_sought_again() {
    let mut pairing = pairing();
    data(&mut pairing, 1);
    frame(&mut pairing, 1, Continuity::First);
    for number in 2..=120 {
        let late = u32::from(number > 10);
        data(&mut pairing, number);
        let rtp_time = OFFSET.wrapping_add(number * STEP + late * 1_000_000_000);
        let arrived = INTERVAL * number + Duration::from_millis(10);
        pairing.push_frame(FrameStamp { rtp_time, continuity: Continuity::Next, arrived }, number);
    }
    assert_eq!(popped(&mut pairing), both(1..=120));
    assert_eq!(pairing.statistics().corrected, 1);
}

#[test]
fn no_more_than_the_window_waits() {
    let mut pairing = Pairing::new(PairingConfig::default().window(4));
    (1..=6).for_each(|number| frame(&mut pairing, number, Continuity::AfterGap));
    assert_eq!(popped(&mut pairing), [Paired::FrameOnly(1), Paired::FrameOnly(2)]);
    assert_eq!(pairing.statistics().evicted, 2);
    pairing.finish();
    assert_eq!(popped(&mut pairing), (3..=6).map(Paired::FrameOnly).collect::<Vec<_>>());
    assert_eq!(pairing.statistics().frames_without_data, 6);
}
