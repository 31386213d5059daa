# SPDX-License-Identifier: Apache-2.0
"""Tests of src/init/{net,dhcp,sntp,timekeeper,net_test} against real ports. Started by tests/network/run."""
import os
import struct
import subprocess
import sys
import threading
import time
import traceback

from world import LAN, ROUTER, Box, Dhcp, Dnsmasq, Ntp, address, ip, rubbish, steady

DRIVER, FOLDER = sys.argv[1], sys.argv[2]
TESTS = []


def test(function):
    TESTS.append(function)
    return function


class Case:
    """What a test opened is closed behind it, in turn."""

    def __init__(self):
        self.things = []

    def box(self, **more):
        self.things.append(Box(DRIVER, FOLDER, **more))
        return self.things[-1]

    def add(self, thing):
        self.things.append(thing)
        return thing

    def close(self):
        failure = None
        for thing in reversed(self.things):
            try:
                thing.close()
            except AssertionError as error:
                failure = error
        if failure is not None:
            raise failure


def resolv(box):
    return open(box.resolv).read()


# ---- addresses that are set ----

@test
def static_address_with_gateway_and_name_server(case):
    box = case.box()
    assert box.apply(address="192.0.2.11/24", gateway=ROUTER, dns="192.0.2.53 2001:db8::53", address6="none") == "OK\n"
    box.wait("the address", lambda: box.addresses() == ["192.0.2.11"])
    assert "default via 192.0.2.1" in box.inside("ip", "route")
    assert resolv(box).endswith("nameserver 192.0.2.53\nnameserver 2001:db8::53\n"), resolv(box)
    assert box.is_up() and "port up0 02:00:00:00:00:01 up 10000" in box.ask("state")
    assert "address 192.0.2.11/24 static" in box.ask("state")
    subprocess.run(["ping", "-c1", "-W5", "192.0.2.11"], check=True, stdout=subprocess.DEVNULL)
    assert "inet6" not in box.inside("ip", "-6", "addr", "show", "dev", "up0")


@test
def settings_can_change_hot(case):
    box = case.box()
    box.apply(address="192.0.2.11/24", gateway=ROUTER, address6="none")
    box.wait("the address", lambda: box.addresses() == ["192.0.2.11"])
    box.apply(address="192.0.2.12/25", gateway="192.0.2.2", dns="192.0.2.54")
    box.wait("the other address", lambda: box.addresses() == ["192.0.2.12"])
    routes = box.inside("ip", "route")
    assert "default via 192.0.2.2" in routes and "192.0.2.1 " not in routes, routes
    assert "192.0.2.54" in resolv(box)
    lines = len(box.log)
    box.apply(dns="192.0.2.55")  # servers alone do not touch the address
    assert "192.0.2.55" in resolv(box) and not any("address" in line for line in box.log[lines:])
    box.apply(address="none", gateway="")
    box.wait("no address", lambda: box.addresses() == [])
    assert box.inside("ip", "route") == ""


@test
def static_address_that_is_in_use_is_named(case):
    box = case.box()
    ip("addr", "add", "192.0.2.77/24", "dev", LAN)
    box.apply(address="192.0.2.77/24", gateway=ROUTER, address6="none")
    box.wait("the conflict", lambda: "is also used by" in box.ask("state"))
    answer = box.ask("test one.test")
    assert "192.0.2.77 is free on this network" in answer and "FAILED" in answer, answer


@test
def static_ipv6(case):
    box = case.box()
    box.apply(address="none", address6="2001:db8:0:1::11/64", gateway6="2001:db8:0:1::1")
    box.wait("the address", box.is_up)
    assert box.addresses() == ["2001:db8:0:1::11"]
    assert "default via 2001:db8:0:1::1" in box.inside("ip", "-6", "route")
    answer = box.ask("test")
    assert "2001:db8:0:1::11/64" in answer and "gateway 2001:db8:0:1::1 answers" in answer, answer
    assert "FAILED" not in answer and "name servers" in answer, answer
    subprocess.run(["ping", "-6", "-c1", "-W5", "2001:db8:0:1::11"], check=True, stdout=subprocess.DEVNULL)


@test
def duplicate_ipv6_is_found_by_the_kernel(case):
    box = case.box()
    ip("addr", "add", "2001:db8:0:1::77/64", "dev", LAN, "nodad")
    box.apply(address="none", address6="2001:db8:0:1::77/64")
    box.wait("the duplicate", lambda: "another machine has it" in box.ask("show"))
    assert box.addresses() == [] and not box.is_up()


@test
def ipv6_from_router_advertisements(case):
    box = case.box()
    case.add(Dnsmasq(FOLDER, "--port=0", "--enable-ra", "--dhcp-range=2001:db8:0:1::,ra-only", "--ra-param=lan0,5,600"))
    box.apply(address="none", address6="auto")
    box.wait("the address", lambda: any(a.startswith("2001:db8:0:1:") for a in box.addresses()))
    box.wait("that it is up", box.is_up)
    assert "automatic" in box.ask("show")
    box.apply(address6="none")
    box.wait("no address", lambda: box.addresses() == [])
    assert "inet6" not in box.inside("ip", "-6", "addr", "show", "dev", "up0")


@test
def the_port_is_chosen_by_its_mac(case):
    box = case.box()
    box.apply(mac="02:00:00:00:00:09", address="192.0.2.11/24", address6="none")
    assert "no network port has the MAC address" in box.ask("state")
    box.apply(mac="02-00-00-00-00-01")
    box.wait("the address", lambda: box.addresses() == ["192.0.2.11"])


@test
def a_port_may_come_late_and_go(case):
    box = case.box(late=True)
    box.apply(address="192.0.2.11/24", address6="none")
    assert "no network port has a link" in box.ask("state")
    box.plug_port()
    box.wait("the address", lambda: box.addresses() == ["192.0.2.11"])
    ip("link", "del", LAN)
    box.wait("that it is gone", lambda: box.has_log("is gone"))
    box.plug_port()
    box.wait("the address again", lambda: box.addresses() == ["192.0.2.11"])


@test
def a_pulled_cable_is_said_once_and_a_set_address_stays(case):
    box = case.box()
    box.apply(address="192.0.2.11/24", gateway=ROUTER, address6="2001:db8:0:1::11/64", gateway6="2001:db8:0:1::1")
    box.wait("the address", lambda: "192.0.2.11" in box.addresses())
    ip("link", "set", LAN, "down")
    box.wait("that it is noticed", lambda: not box.is_up())
    assert "no link" in box.ask("state") and "192.0.2.11" in box.addresses()
    ip("link", "set", LAN, "up")
    box.wait("that it is back", box.is_up)
    assert box.count_log("the link is down") == 1 and box.count_log("the link is up") == 1
    assert "default via 192.0.2.1" in box.inside("ip", "route")


@test
def without_a_mac_the_uplink_moves_to_the_port_with_a_link(case):
    box = case.box()
    box.apply(address="192.0.2.11/24", address6="none")
    box.wait("the address", lambda: box.addresses() == ["192.0.2.11"])
    ip("link", "add", "lan1", "type", "veth", "peer", "name", "up1", "netns", str(box.process.pid))
    ip("link", "set", "lan1", "up")
    ip("link", "set", LAN, "down")
    box.wait("the other port", lambda: "192.0.2.11" in box.inside("ip", "-4", "addr", "show", "dev", "up1"))
    assert "192.0.2.11" not in box.inside("ip", "-4", "addr", "show", "dev", "up0")


@test
def mtu(case):
    box = case.box()
    box.apply(address="192.0.2.11/24", mtu="9000", address6="none")
    box.wait("the MTU", lambda: "mtu 9000" in box.inside("ip", "link", "show", "up0"))


@test
def vlan(case):
    probe = subprocess.run(["ip", "link", "add", "probe0", "type", "bridge"], check=False)
    made = subprocess.run(["ip", "link", "add", "link", "probe0", "name", "probe0.5", "type", "vlan", "id", "5"],
                          check=False, stderr=subprocess.DEVNULL).returncode == 0
    if probe.returncode == 0:
        ip("link", "del", "probe0")
    box = case.box()
    box.apply(address="192.0.2.11/24", address6="none", vlan="5")
    if not made:
        box.wait("the refusal", lambda: box.has_log("VLAN 5 cannot be made"))
        return "this kernel has no 802.1Q: only the refusal was seen"
    ip("link", "add", "link", LAN, "name", "lan0.5", "type", "vlan", "id", "5")
    ip("addr", "del", ROUTER + "/24", "dev", LAN)
    ip("addr", "add", ROUTER + "/24", "dev", "lan0.5")
    ip("link", "set", "lan0.5", "up")
    box.wait("the address", lambda: box.addresses() == ["192.0.2.11"])
    subprocess.run(["ping", "-c1", "-W5", "192.0.2.11"], check=True, stdout=subprocess.DEVNULL)
    box.apply(vlan="0")
    box.wait("that the VLAN is gone", lambda: "vlan5" not in box.inside("ip", "link"))
    return None


@test
def the_kernel_gets_its_rules(case):
    box = case.box()
    box.apply(address="192.0.2.11/24", address6="none")
    for path, value in (("ipv4/ip_forward", "0"), ("ipv4/conf/all/rp_filter", "1"), ("ipv4/tcp_syncookies", "1"),
                        ("ipv4/conf/all/accept_redirects", "0"), ("ipv6/conf/all/accept_redirects", "0"),
                        ("ipv4/icmp_echo_ignore_all", "0")):
        assert box.inside("cat", "/proc/sys/net/" + path) == value + "\n", path
    assert "UP" in box.inside("ip", "link", "show", "lo")


# ---- DHCP ----

@test
def a_lease_from_dnsmasq(case):
    box = case.box()
    case.add(Dnsmasq(FOLDER, "--dhcp-range=192.0.2.100,192.0.2.150,255.255.255.0,2m", "--dhcp-option=3,192.0.2.1",
                     "--dhcp-option=6,192.0.2.1", "--dhcp-option=42,192.0.2.1", "--dhcp-option=26,1400",
                     "--address=/one.test/192.0.2.1", "--dhcp-authoritative"))
    box.apply(name="box1.example", address6="none")
    box.wait("the lease", box.is_up)
    show = box.ask("show")
    assert "from DHCP server 192.0.2.1" in show and "mtu 1400" in box.inside("ip", "link", "show", "up0"), show
    assert "default via 192.0.2.1" in box.inside("ip", "route") and "nameserver 192.0.2.1" in resolv(box)
    assert "box1" in open(f"{FOLDER}/leases").read()
    box.wait("the gateway and name", lambda: "FAILED" not in box.ask("test one.test"))
    answer = box.ask("test one.test")
    assert "is free on this network" in answer and "DNS 192.0.2.1 finds one.test" in answer, answer
    assert "192.0.2.1 " in box.ask("resolve one.test")
    assert "FAILED" in box.ask("resolve nothing.test")


@test
def a_lease_is_renewed(case):
    box = case.box()
    server = case.add(Dhcp(lease=10))
    box.apply(address6="none")
    box.wait("the lease", lambda: box.addresses() == ["192.0.2.100"])
    box.wait("two renewals", lambda: server.kinds().count(3) >= 3)
    renewal = server.seen[-1]
    assert renewal[2] == "192.0.2.100" and renewal[3][12:16] == address("192.0.2.100"), "by unicast, from the address"
    assert 50 not in renewal[1] and 54 not in renewal[1]
    assert server.kinds().count(1) == 1 and box.count_log("IPv4 address") == 1


@test
def a_lease_ends_and_comes_back(case):
    box = case.box()
    server = case.add(Dhcp(lease=10))
    box.apply(address6="none")
    box.wait("the lease", lambda: box.addresses() == ["192.0.2.100"])
    server.mute = True
    box.wait("the end", lambda: box.addresses() == [])
    assert box.has_log("has ended") and box.inside("ip", "route") == ""
    assert any(sender == "192.0.2.100" and kind == 3 for kind, _, sender, _ in server.seen)
    server.mute = False
    box.wait("another lease", lambda: box.addresses() == ["192.0.2.100"], 90)


@test
def a_refused_renewal_takes_the_address_away(case):
    box = case.box()
    state = {"refuse": False}

    def change(kind, answer, options):
        if kind == 3 and state["refuse"] and 54 not in options:
            return {**answer, "type": 6, "address": "0.0.0.0", "mask": None, "lease": None, "options": []}
        return answer

    server = case.add(Dhcp(lease=10, change=change))
    box.apply(address6="none")
    box.wait("the lease", lambda: box.addresses() == ["192.0.2.100"])
    server.offer = "192.0.2.101"
    state["refuse"] = True
    box.wait("another address", lambda: box.addresses() == ["192.0.2.101"])
    assert box.has_log("refuses the address")


@test
def of_two_servers_one_is_taken(case):
    box = case.box()
    ip("addr", "add", "192.0.2.2/24", "dev", LAN)

    class Both(Dhcp):
        def answers(self, kind, options, data):
            found = []
            for server, offer in ((ROUTER, "192.0.2.100"), ("192.0.2.2", "192.0.2.200")):
                self.server, self.offer = server, offer
                found += Dhcp.answers(self, kind, options, data)
            return found

    server = case.add(Both())
    box.apply(address6="none")
    box.wait("the lease", lambda: box.addresses() == ["192.0.2.100"])
    requests = [options for kind, options, _, _ in server.seen if kind == 3]
    assert [r[54] for r in requests] == [address(ROUTER)], requests


@test
def an_address_in_use_is_declined(case):
    box = case.box()
    ip("addr", "add", "192.0.2.100/24", "dev", LAN)
    server = case.add(Dhcp())
    box.apply(address6="none")
    box.wait("the decline", lambda: 4 in server.kinds())
    assert box.addresses() == [] and box.has_log("another machine uses it")
    declined = next(options for kind, options, _, _ in server.seen if kind == 4)
    assert declined[50] == address("192.0.2.100")
    server.offer = "192.0.2.101"
    box.wait("another address", lambda: box.addresses() == ["192.0.2.101"])


@test
def hostile_offers_are_refused(case):
    box = case.box()
    bad = [{"address": "127.0.0.1"}, {"address": "224.0.0.5"}, {"address": "0.0.0.0"}, {"address": "255.255.255.255"},
           {"mask": "255.0.255.0"}, {"mask": "0.0.0.0"}, {"mask": None}, {"address": "192.0.2.255"},
           {"address": "192.0.2.0"}, {"lease": 1}, {"lease": None}, {"server": "127.0.0.1"}, {"server": None},
           {"options": [(53, b"\x05")]}, {"raw": b""}, {"raw": b"\x02" * 300}]
    sent = []

    class Hostile(Dhcp):
        def answers(self, kind, options, data):
            if kind != 1:
                return Dhcp.answers(self, kind, options, data)
            plain = Dhcp.answers(self, kind, options, data)[0]
            sent.append(len(bad))
            noise = [{"raw": data[:240] + piece} for piece in rubbish(40, len(sent))]
            return [{**plain, **one} for one in bad] + noise + ([plain] if len(sent) > 1 else [])

    server = case.add(Hostile())
    box.apply(address6="none")
    box.wait("the first round", lambda: len(sent) == 1)
    time.sleep(1)
    assert box.addresses() == [] and 3 not in server.kinds(), box.log
    box.wait("the good offer", lambda: box.addresses() == ["192.0.2.100"])
    assert box.count_log("was not taken") <= 12, "the log is not flooded"


@test
def what_a_server_may_not_say_is_left_out(case):
    box = case.box()
    routes = (bytes([0]) + address("192.0.2.1") +                    # default
              bytes([24, 198, 51, 100]) + address("192.0.2.2") +     # good
              bytes([8, 127]) + address("192.0.2.2") +               # loopback
              bytes([24, 203, 0, 113]) + address("10.9.9.9"))        # a router that is not here
    case.add(Dhcp(options=[(121, routes), (3, address("192.0.2.9")), (6, address("127.0.0.1") + address("192.0.2.53")),
                           (42, address("224.0.1.1")), (26, b"\x00\x44"), (12, b"evil"), (15, b"evil.test")]))
    box.apply(address6="none")
    box.wait("the lease", lambda: box.addresses() == ["192.0.2.100"])
    got = box.inside("ip", "route")
    assert "default via 192.0.2.1" in got and "198.51.100.0/24 via 192.0.2.2" in got, got
    assert "127." not in got and "203.0.113" not in got and "192.0.2.9" not in got, got
    assert "127.0.0.1" not in resolv(box) and "192.0.2.53" in resolv(box) and "evil" not in resolv(box)
    assert "mtu 1500" in box.inside("ip", "link", "show", "up0")
    assert "none; set time ntp" in box.ask("time")


@test
def a_lease_is_asked_for_again_when_the_cable_is_back(case):
    box = case.box()
    server = case.add(Dhcp())
    box.apply(address6="none")
    box.wait("the lease", lambda: box.addresses() == ["192.0.2.100"])
    ip("link", "set", LAN, "down")
    box.wait("no link", lambda: not box.is_up())
    server.offer = "192.0.2.102"
    ip("link", "set", LAN, "up")
    box.wait("the other address", lambda: box.addresses() == ["192.0.2.102"])
    asked = [options for kind, options, _, _ in server.seen if kind == 1]
    assert asked[-1].get(50) == address("192.0.2.100")
    assert [a for a in box.inside("ip", "-4", "-o", "addr", "show", "dev", "up0").split() if "/" in a] == ["192.0.2.102/24"]


# ---- time ----

NOW = 1_800_000_000


def synchronized(box):
    return "from 192.0.2." in box.ask("line") or "from one.test" in box.ask("line")


@test
def a_small_offset_is_slewed_and_a_larger_one_is_set(case):
    box = case.box(clock=NOW)
    clock = steady(NOW + 3600)
    case.add(Ntp(lambda: clock()))
    box.apply(address="192.0.2.11/24", address6="none", ntp=ROUTER)
    box.wait("the time", lambda: synchronized(box))
    box.wait("the step", lambda: box.has_log("STEP"))
    step = int(next(line for line in box.log if line.startswith("STEP")).split()[1])
    assert 3590e6 < step < 3640e6, step
    box.wait("battery clock and floor", lambda: box.has_log("RTC") and box.has_log("STORE"))
    box.ask("hurry")
    box.wait("a slew", lambda: box.has_log("SLEW"))
    assert box.count_log("STEP") == 1
    assert "offset" in box.ask("time") and "stratum 2" in box.ask("time")


@test
def a_clock_below_the_floor_is_set_to_it(case):
    box = case.box(clock=946_684_800, release=NOW - 86400, stored=NOW)
    assert "2000-01-01" in box.ask("time") and "2027-01-15" in box.ask("line"), box.ask("time")
    assert box.has_log("the battery clock says 2000-01-01") and "a guess" in box.ask("line")
    clock = steady(NOW + 400 * 86400)  # far ahead: nothing is known that speaks against it
    case.add(Ntp(lambda: clock()))
    box.apply(address="192.0.2.11/24", address6="none", ntp=ROUTER)
    box.wait("the time", lambda: synchronized(box))
    assert "2028-02" in box.ask("line") and "fault" not in box.ask("time")


@test
def a_server_behind_the_floor_is_not_believed(case):
    box = case.box(clock=NOW, release=NOW - 86400)
    clock = steady(NOW - 10 * 86400)
    case.add(Ntp(lambda: clock()))
    box.apply(address="192.0.2.11/24", address6="none", ntp=ROUTER)
    box.wait("the refusal", lambda: "before this release" in box.ask("time"))
    assert not box.has_log("STEP") and not synchronized(box)


@test
def a_server_too_far_ahead_is_not_believed_until_max_step_allows_it(case):
    box = case.box(clock=NOW)
    clock = steady(NOW + 1500 * 86400 + 100)
    server = case.add(Ntp(lambda: clock()))
    box.apply(address="192.0.2.11/24", address6="none", ntp=ROUTER)
    box.wait("the refusal", lambda: "1500 days ahead; not believed; see set time max-step" in box.ask("time"))
    for _ in range(2):
        asked = server.asked
        box.ask("hurry")
        box.wait("another question", lambda: server.asked > asked)
    assert not box.has_log("STEP") and box.count_log("not believed") == 1
    box.set(max_step="365d")
    box.wait("another refusal", lambda: server.asked > asked + 1)
    assert not box.has_log("STEP")


@test
def many_steps_are_one_large_one(case):
    box = case.box(clock=NOW)
    state = {"clock": steady(NOW + 7000)}
    case.add(Ntp(lambda: state["clock"]()))
    box.apply(address="192.0.2.11/24", address6="none", ntp=ROUTER, max_step="2h")
    box.wait("the first step", lambda: box.has_log("STEP"))
    for i in range(2, 4):
        state["clock"] = steady(NOW + 7000 * i)
        box.ask("hurry")
        box.wait("the next", lambda i=i: box.count_log("STEP") == i or "minutes ahead" in box.ask("time"))
    assert box.count_log("STEP") == 2 and "minutes ahead; not believed" in box.ask("time"), box.log
    state["clock"] = steady(NOW + 7000)  # back is allowed, down to the floor
    box.ask("hurry")
    box.wait("the way back", lambda: box.count_log("STEP") == 3)


@test
def of_three_servers_the_median_is_taken(case):
    box = case.box(clock=NOW)
    good, bad = steady(NOW + 5), steady(NOW + 80000)
    for number, clock in ((1, good), (2, bad), (3, good)):
        if number != 1:
            ip("addr", "add", f"192.0.2.{number}/24", "dev", LAN)
        case.add(Ntp(lambda clock=clock: clock(), where=f"192.0.2.{number}"))
    box.apply(address="192.0.2.11/24", address6="none", ntp="192.0.2.1 192.0.2.2 192.0.2.3")
    box.wait("the time", lambda: synchronized(box))
    box.wait("the step", lambda: box.has_log("STEP"))
    step = int(next(line for line in box.log if line.startswith("STEP")).split()[1])
    assert 4e6 < step < 60e6, step


@test
def answers_that_are_none_are_passed_over(case):
    box = case.box(clock=NOW)
    clock = steady(NOW + 60)
    state = {"kind": 0}

    def change(answer):
        kind = state["kind"]
        state["kind"] += 1
        if kind == 0:
            answer[24] ^= 1  # not our origin
        elif kind == 1:
            answer[0] = 0xe4  # not synchronized
        elif kind == 2:
            answer[0] = 0x23  # a question
        elif kind == 3:
            answer = answer[:40]
        return answer

    server = case.add(Ntp(lambda: clock(), change=change))
    box.apply(address="192.0.2.11/24", address6="none", ntp=ROUTER)
    for number in range(1, 5):
        box.wait("a question", lambda number=number: server.asked >= number or box.ask("hurry") is None, 60)
        if number < 5:
            assert not box.has_log("STEP")
            box.ask("hurry")
    box.wait("the good answer", lambda: box.has_log("STEP"), 90)


@test
def a_kiss_of_death_is_obeyed(case):
    box = case.box(clock=NOW)
    clock = steady(NOW)

    def change(answer):
        answer[1] = 0
        answer[12:16] = b"DENY"
        return answer

    server = case.add(Ntp(lambda: clock(), change=change))
    box.apply(address="192.0.2.11/24", address6="none", ntp=ROUTER)
    box.wait("the kiss", lambda: "DENY" in box.ask("time"))
    for _ in range(4):
        box.ask("hurry")
        time.sleep(0.5)
    assert server.asked == 1, server.asked
    assert "FAILED" in box.ask("testtime") and "DENY" in box.ask("testtime")


@test
def a_time_server_by_name_and_by_dhcp(case):
    box = case.box(clock=NOW)
    clock = steady(NOW + 60)
    case.add(Ntp(lambda: clock()))
    case.add(Dnsmasq(FOLDER, "--dhcp-range=192.0.2.100,192.0.2.150,255.255.255.0,2m", "--dhcp-option=42,192.0.2.1",
                     "--dhcp-option=6,192.0.2.1", "--address=/one.test/192.0.2.1", "--dhcp-authoritative"))
    box.apply(address6="none")
    box.wait("the time", lambda: "from 192.0.2.1," in box.ask("line"))
    box.apply(ntp="one.test")
    box.wait("the time by name", lambda: "from one.test," in box.ask("line"))
    assert "one.test (192.0.2.1)" in box.ask("time")
    answer = box.ask("testtime")
    assert "one.test answers" in answer and "WARN" in answer, answer  # the machine's own clock is not the pretended one


@test
def ping(case):
    box = case.box()
    box.apply(address="192.0.2.11/24", address6="2001:db8:0:1::11/64")
    box.wait("the address", lambda: len(box.addresses()) == 2)
    box.wait("the check of the address", lambda: "being checked" not in box.ask("show"))
    assert box.ask("ping 192.0.2.1").count("ok") == 4
    assert box.ask("ping 2001:db8:0:1::1").count("ok") == 4
    assert "no answer" in box.ask("ping 192.0.2.250") and "not an address" in box.ask("ping router")


def main():
    wanted = sys.argv[3:]
    passed = failed = 0
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for function in TESTS:
        if wanted and function.__name__ not in wanted:
            continue
        case = Case()
        begun = time.monotonic()
        try:
            note = None
            try:
                note = function(case)
            finally:
                case.close()
            passed += 1
            print(f"ok {function.__name__} ({time.monotonic() - begun:.1f} s){': ' + note if note else ''}", flush=True)
        except Exception:  # whatever it was, the next test begins anew
            failed += 1
            print(f"not ok {function.__name__}\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
