# SPDX-License-Identifier: Apache-2.0
"""The way to the cloud: no connection, silence, resets, certificates that are not to be trusted, clocks."""

import base64
import ssl

import client
import nodes
import world
from nodes import CloudCase


class Network(CloudCase):
    """The cloud cannot be reached; what is in memory is served until the lease ends."""

    def away(self, how, cause):
        """Cut the way to the cloud."""
        self.cloud.set(accepting=how)
        self.cloud.control("POST", "/drop-connections")
        return cause

    def story(self, how, cause):
        """GRACE, EXPIRED, READY again."""
        node = self.node("cache offline-lease 4s", "keymanager timeout 1s").ready()
        uid, key = node.create()
        cold, cold_key = node.create()
        node.flushed()
        self.away(how, cause)
        node.wait_for_state("GRACE")
        self.assertRegex(node.lease()[1], cause)
        self.assertRegex(node.field("Revocation"), "keys in memory will be erased in [0-4] s")
        self.assertEqual(node.get(uid).good().material, key)
        self.refused(node.new(), "GRACE")
        node.wait_for_state("EXPIRED")
        self.refused(node.get(uid), "EXPIRED")
        self.refused(node.new(), "EXPIRED")
        if nodes.may_read_memory():
            world.wait_for(lambda: not node.holds({key, cold_key}), "the keys are erased", 5, 0.1)
        self.cloud.set(accepting="yes")
        node.ready()
        self.assertEqual(node.get(uid).good().material, key)
        self.assertEqual(node.get(cold).good().material, cold_key)
        node.create()

    def test_no_connection(self):
        self.story("refuse", "localhost:[0-9]+: no connection; check network, firewall and proxy")

    def test_silence(self):
        self.story("hang", "localhost:[0-9]+: no answer in time")

    def test_resets(self):
        self.story("reset", "localhost:[0-9]+: ")

    def test_changes_meanwhile_are_brought_later(self):
        """Activate and attributes are safe in the journal; they reach the cloud when it is back."""
        one = self.node().ready()
        uid, key = one.create()
        one.flushed()
        self.away("refuse", "")
        one.wait_for_state("GRACE")
        one.act(client.ACTIVATE, uid)
        one.act(client.ADD_ATTRIBUTE, uid, client.attribute("x-Name", client.text, "meanwhile"))
        self.assertNotIn(" 0 on their way", one.field("Changes"))
        one.kill()
        one.start()
        self.assertNotEqual(one.lease()[0], "READY")
        self.cloud.set(accepting="yes")
        one.ready().flushed()
        self.wait_for_one(uid)
        two = self.node().ready()
        self.assertEqual(two.get(uid).good().material, key)
        self.assertEqual(two.attributes(uid)["x-Name"], "meanwhile")
        self.assertEqual(two.attributes(uid)["State"], client.ACTIVE)

    def test_start_without_the_cloud(self):
        """The port is open from the start and answers with a reason; then it comes alone."""
        node = self.node("server request-timeout 2s").ready()
        uid, key = node.create()
        node.flushed().stop()
        self.away("refuse", "")
        node.start()
        node.wait_for_state("STARTING", "no connection")
        self.assertEqual(node.attributes(uid)["State"], client.PRE_ACTIVE)
        answer = node.get(uid)
        self.assertEqual(answer.status, client.FAILED)
        self.assertIn("key manager", answer.text)
        self.cloud.set(accepting="yes")
        node.ready()
        self.assertEqual(node.get(uid).good().material, key)

    def test_name_that_is_not_found(self):
        node = self.node("keymanager endpoint https://no-such-host.invalid:1", "keymanager timeout 1s")
        world.wait_for(lambda: "no-such-host.invalid" in node.lease()[1], "the cause is told")
        self.assertIn("the name is not found; check the name servers", node.lease()[1])
        self.assertEqual(node.lease()[0], "STARTING")

    def test_idle_connections_that_the_cloud_closes(self):
        self.cloud.set(idle_close_ms=120)
        self.addCleanup(self.cloud.set, idle_close_ms=0)
        node = self.node().ready()
        for _ in range(4):
            self.cloud.control("POST", "/drop-connections")
            uid, key = node.create()
            node.console("cache", "erase")
            self.assertEqual(node.get(uid).good().material, key)
            world.time.sleep(0.2)
        self.assertNotIn("GRACE", node.log())


class Certificate(CloudCase):
    """The cloud's certificate is wrong: nothing is sent there, the keys in memory are served."""

    def story(self, certificate, cause):
        """GRACE with the cause, READY again; a start with it never gets further."""
        node = self.node().ready()
        uid, key = node.create()
        node.flushed()
        before = self.cloud.control("GET", "/counters")
        self.cloud.set(certificate=certificate)
        self.cloud.control("POST", "/drop-connections")
        node.wait_for_state("GRACE", cause)
        self.assertEqual(node.get(uid).good().material, key)
        self.refused(node.new(), "GRACE")
        self.cloud.control("POST", "/reset-counters")
        other = self.node()
        other.wait_for_state("STARTING", cause)
        counters = self.cloud.control("GET", "/counters")
        self.assertEqual(counters["total"], 0, "a request went to somebody who is not trusted: %s" % counters)
        self.assertGreater(before["total"], 0)
        self.cloud.set(certificate="good")
        self.cloud.control("POST", "/drop-connections")
        node.ready().create()
        other.ready()
        self.assertEqual(other.get(uid).good().material, key)

    def test_untrusted(self):
        self.story("untrusted", "its certificate is not trusted: none of the roots signed it; see keymanager roots")

    def test_expired(self):
        self.story("expired", "its certificate is not trusted: expired or not yet valid; check this machine's clock")

    def test_other_name(self):
        self.story("other-name", "its certificate is not trusted: it is for another name")

    def test_one_root_more_among_the_settings(self):
        with open(self.cloud.about["ca"], encoding="ascii") as file:
            root = base64.b64encode(ssl.PEM_cert_to_DER_cert(file.read())).decode()
        node = self.node("keymanager roots -", "keymanager root " + root).ready()
        uid, key = node.create()
        self.assertEqual(node.get(uid).good().material, key)

    def test_built_in_roots_do_not_trust_the_emulator(self):
        node = self.node("keymanager roots -")
        world.wait_for(lambda: "none of the roots signed it" in node.lease()[1], "the cause is told")


class Clock(CloudCase):
    """The clock of this machine is wrong, as the service's Date shows."""

    def test_skew_is_a_warning(self):
        node = self.node().ready()
        for skew, text in ((3600, "behind the key manager's"), (-3600, "ahead of the key manager's")):
            self.cloud.set(date_skew=skew)
            world.wait_for(lambda t=text: t in node.warnings(), text)
            self.assertRegex(node.warnings(), r"clock is (3600|3599|3601) s " + text)
            node.ready().create()
        self.cloud.set(date_skew=0)
        world.wait_for(lambda: node.warnings() == "none", "the warning goes")

    def test_iam_refuses_because_of_it(self):
        self.cloud.set(date_skew=7200)
        self.cloud.fault({"status": 400, "code": "BXNIM0408E"}, None, path="/identity/token")
        node = self.node()
        node.wait_for_state("DENIED", "this machine's clock is 120 minutes behind; IAM refuses it")
        self.heal()
        self.cloud.set(date_skew=0)
        node.ready()
