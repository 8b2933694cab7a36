package director_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lvsdr/director/memhost"
	"lvsdr/frame"
)

// keepIn makes the director keep its state in dir.
func (r *rig) keepIn(dir string) {
	r.write(strings.Replace(r.text, `state_dir: ""`, "state_dir: "+dir, 1))
}

// deaf makes servers neither answer checks nor ARP.
func (r *rig) deaf() {
	for n := 21; n <= 22; n++ {
		r.host.SetServer(port(n), memhost.Silent)
		r.lan.RemoveNeighbor(real(n))
	}
}

func TestStateSurvivesAStop(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "anew")
	within(t, func(r *rig) {
		r.keepIn(dir)
		r.up()
		r.host.SetServer(port(22), memhost.Refusing)
		r.pass(3 * time.Second)
		r.stop()
		r.deaf()
		r.start()
		s := r.status()
		if rs := server(s, "web", 21); rs.Health != "up" || rs.MAC != realMAC(21).String() || rs.MACState != "restored" {
			t.Errorf("the server that was up: %+v", rs)
		}
		if rs := server(s, "web", 22); rs.Health != "down" {
			t.Errorf("the server that was down: %+v", rs)
		}
		if got := r.serversOf(1, 2); got[21] != 2 {
			t.Errorf("two connections went to %v", got)
		}
		// What was known is no more than a beginning.
		r.pass(5 * time.Second)
		if rs := server(r.status(), "web", 21); rs.Health != "down" {
			t.Errorf("a server that does not answer: %+v", rs)
		}
	})
}

// TestStateSurvivesAKill: what is known is in the file before the director
// ends.
func TestStateSurvivesAKill(t *testing.T) {
	dir, killed := t.TempDir(), t.TempDir()
	within(t, func(r *rig) {
		r.keepIn(dir)
		r.up()
		data, err := os.ReadFile(filepath.Join(dir, "state.json"))
		if err != nil {
			t.Fatal(err)
		}
		r.stop()
		if err := os.WriteFile(filepath.Join(killed, "state.json"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		r.write(strings.Replace(r.text, dir, killed, 1))
		r.deaf()
		r.start()
		if got := r.serversOf(1, 2); got[21] != 1 || got[22] != 1 {
			t.Errorf("two connections went to %v:\n%s", got, data)
		}
	})
}

// TestStateOfTwoChecks: two services check the same server in two ways, and
// each starts with what its own check found.
func TestStateOfTwoChecks(t *testing.T) {
	dir := t.TempDir()
	text := `{"health": {"web 192.0.2.21:80": "up", "mail 192.0.2.21:80": "down"}}`
	if err := os.WriteFile(filepath.Join(dir, "state.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	within(t, func(r *rig) {
		r.keepIn(dir)
		r.write(strings.Replace(r.text, web(21, 22), web(21)+strings.Replace(service("mail", otherVIP, 21), "kind: tcp", "kind: tcp, port: 25", 1), 1))
		r.deaf()
		r.start()
		s := r.status()
		if web, mail := server(s, "web", 21), server(s, "mail", 21); web.Health != "up" || mail.Health != "down" {
			t.Errorf("web %q, mail %q; want up, down", web.Health, mail.Health)
		}
	})
}

func TestStateIsReplacedWhole(t *testing.T) {
	dir := t.TempDir()
	within(t, func(r *rig) {
		r.keepIn(dir)
		r.up()
		file := filepath.Join(dir, "state.json")
		old, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer old.Close()
		before, err := old.Stat()
		if err != nil {
			t.Fatal(err)
		}
		r.host.SetServer(port(22), memhost.Refusing)
		r.pass(3 * time.Second)
		after, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if os.SameFile(before, after) {
			t.Error("the file was written in place")
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
			t.Errorf("files left: %v", left)
		}
	})
}

func TestStateIsBroken(t *testing.T) {
	for name, text := range map[string]string{
		"cut off": `{"health": {"web 192.0.2.21:80": "up"`, "empty": "", "not what it was": `[]`,
		"a state unheard of": `{"health": {"web 192.0.2.21:80": "sideways"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "state.json"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			within(t, func(r *rig) {
				r.keepIn(dir)
				r.up()
				if n := r.log.count("the state of the last run is lost"); n != 1 {
					t.Errorf("%d warnings:\n%v", n, r.log)
				}
				if got := r.serversOf(1, 2); got[21] != 1 || got[22] != 1 {
					t.Errorf("two connections went to %v", got)
				}
				data, err := os.ReadFile(filepath.Join(dir, "state.json"))
				if err != nil || !strings.Contains(string(data), `"web 192.0.2.21:80": "up"`) {
					t.Errorf("the file was not made anew: %v\n%s", err, data)
				}
			})
		})
	}
}

// TestStateOfMACsIsNotTrusted: an entry that no real server can have is left
// out.
func TestStateOfMACsIsNotTrusted(t *testing.T) {
	dir := t.TempDir()
	text := `{"health": {"web 192.0.2.21:80": "up", "web 192.0.2.22:80": "up"},
		"macs": {"192.0.2.21": "` + lanMAC.String() + `", "192.0.2.22": "nonsense"}}`
	if err := os.WriteFile(filepath.Join(dir, "state.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	within(t, func(r *rig) {
		r.keepIn(dir)
		r.deaf()
		r.start()
		if sent := r.send(segment(1, frame.TCPSyn)); len(sent) != 0 {
			t.Errorf("sent to %v", frame.Ethernet(sent[0].Data).Dst())
		}
	})
}

// TestStateOfWeightsIsNotTrusted: an order that nobody can have given is left out.
func TestStateOfWeightsIsNotTrusted(t *testing.T) {
	for weight, want := range map[int]int{-5: 1, 1 << 20: 1, 7: 7} {
		dir := t.TempDir()
		text := fmt.Sprintf(`{"orders": {"web 192.0.2.21:80": [{"duty": "weight", "at": "2026-01-02T03:04:05Z", "weight": %d, "instead": 1}]}}`, weight)
		if err := os.WriteFile(filepath.Join(dir, "state.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		within(t, func(r *rig) {
			r.keepIn(dir)
			r.up()
			if rs := server(r.status(), "web", 21); rs.Configured != want {
				t.Errorf("weight %d: %+v", weight, rs)
			}
		})
	}
}

func TestStateCannotBeKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	within(t, func(r *rig) {
		r.keepIn(filepath.Join(file, "below"))
		r.up()
		if got := r.serversOf(1, 2); got[21] != 1 || got[22] != 1 {
			t.Errorf("two connections went to %v", got)
		}
		r.host.SetServer(port(22), memhost.Refusing)
		r.pass(3 * time.Second)
		if n := r.log.count("the state is not kept"); n != 1 {
			t.Errorf("%d warnings:\n%v", n, r.log)
		}
	})
}
