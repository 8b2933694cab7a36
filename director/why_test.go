package director_test

import (
	"strings"
	"testing"

	"lvsdr/admin/api"
	"lvsdr/frame"
)

// why asks about a connection from a port of the client to an address.
func (r *rig) why(client, to string) *api.Why {
	r.Helper()
	w, err := r.d.Why(r.Context(), "tcp", client, to)
	if err != nil {
		r.Fatal(err)
	}
	return w
}

// text is an answer as one text.
func text(w *api.Why) string {
	out := w.Verdict + "\n"
	for _, s := range w.Steps {
		out += s.Step + ": " + s.Result + "\n"
	}
	return out + strings.Join(w.Changes, "\n")
}

// TestWhyFollowsAConnection asks before, during and after.
func TestWhyFollowsAConnection(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		const client, to = "198.51.100.7:40000", "192.0.2.10:80"
		before := r.why(client, to)
		if before.Verdict != "forward forward" || !strings.Contains(text(before), "entry: none") {
			t.Errorf("before: %s", text(before))
		}
		sent := r.serversOf(40000)
		n := 21
		if sent[22] == 1 {
			n = 22
		}
		if before.Server != port(n).String() || before.MAC != realMAC(n).String() {
			t.Errorf("told %s at %s, and it went to %v", before.Server, before.MAC, sent)
		}
		r.send(segment(40000, frame.TCPAck))
		during := r.why(client, to)
		if during.Server != before.Server || !strings.Contains(text(during), "entry: ESTABLISHED to "+port(n).String()+", for another 15m0s") {
			t.Errorf("during: %s", text(during))
		}
	})
}

// TestWhyNotForwarded: the reason and the remedy are named.
func TestWhyNotForwarded(t *testing.T) {
	within(t, func(r *rig) {
		r.write(global + web(21) + strings.Replace(service("empty", otherVIP), "real_servers: []", "real_servers: [{address: 192.0.2.22, weight: 0}]", 1))
		r.up()
		for to, want := range map[string][]string{
			"192.0.2.99:80": {"ignore not_vip", "no VIP of this director"},
			"192.0.2.10:81": {"reply rst", "no service is on this port", "add a service on the port"},
			"192.0.2.11:80": {"reply rst", "no server is usable: 192.0.2.22:80 has weight 0"},
		} {
			got := text(r.why("198.51.100.7:1", to))
			for _, part := range want {
				if !strings.Contains(got, part) {
					t.Errorf("%s lacks %q:\n%s", to, part, got)
				}
			}
		}
		for _, q := range [][3]string{{"icmp", "198.51.100.7:1", "192.0.2.10:80"}, {"tcp", "198.51.100.7", "192.0.2.10:80"}, {"tcp", "198.51.100.7:1", "web"}} {
			if _, err := r.d.Why(r.Context(), q[0], q[1], q[2]); err == nil {
				t.Errorf("%q was answered", q)
			}
		}
	})
}
