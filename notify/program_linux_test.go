package notify

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"lvsdr/admin/api"
)

// shell is a program that is lines of sh; FILE is a file of the test's.
func shell(t *testing.T, lines string, timeout time.Duration) (p Program, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "out")
	return Program{Command: []string{"/bin/sh", "-c", strings.ReplaceAll(lines, "FILE", file)}, Timeout: timeout}, file
}

// tell tells a program of events and returns what it wrote.
func tell(t *testing.T, p Program, file string, events ...api.Event) (api.Notifications, string) {
	t.Helper()
	n := New(slog.New(slog.DiscardHandler))
	if err := n.Set(Options{Queue: 100, Program: p}); err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		n.Send(e)
	}
	n.Close(soon(t, time.Minute))
	out, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return n.Status()[0], string(out)
}

// TestProgram: what it gets, in which order, and never two at once.
func TestProgram(t *testing.T) {
	p, file := shell(t, `mkdir FILE.lock || exit 1
		read -r line
		printf '%s\n' "$line" >> FILE
		echo "$DIRECTOR_EVENT|$DIRECTOR_TIME|$DIRECTOR_SEQ|$DIRECTOR_SERVICE|$DIRECTOR_SERVER|$DIRECTOR_FROM|$DIRECTOR_TO|$DIRECTOR_REASON|$DIRECTOR_BY|$DIRECTOR_LOST" >> FILE
		rmdir FILE.lock`, time.Minute)
	at := time.Date(2026, 3, 5, 16, 30, 0, 250e6, time.UTC)
	sent := []api.Event{
		{Seq: 7, Time: at, Kind: api.ServerEvent, Service: "web", Server: "192.0.2.21:80", From: "up", To: "down", Reason: "no\x00 $(answer)"},
		{Seq: 8, Time: at, Kind: api.ServiceEvent, Service: "web", From: "normal", To: "refused"},
		{Seq: 9, Time: at, Kind: api.OrderEvent, Service: "web", Server: "192.0.2.21:80", To: "drain", By: "root (for alice)"},
	}
	for i := range 5 {
		sent = append(sent, server(10+i))
	}
	st, out := tell(t, p, file, sent...)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if st.Delivered != 8 || st.Failed != 0 || len(lines) != 16 {
		t.Fatalf("%+v\n%s", st, out)
	}
	for i, e := range sent {
		var got api.Event
		if err := json.Unmarshal([]byte(lines[2*i]), &got); err != nil || got != e {
			t.Errorf("event %d: %s, %v", i, lines[2*i], err)
		}
	}
	for i, want := range map[int]string{
		1: "server|2026-03-05T16:30:00.25Z|7|web|192.0.2.21:80|up|down|no $(answer)||0",
		3: "service|2026-03-05T16:30:00.25Z|8|web||normal|refused|||0",
		5: "order|2026-03-05T16:30:00.25Z|9|web|192.0.2.21:80||drain||root (for alice)|0",
	} {
		if lines[i] != want {
			t.Errorf("%s\nwant %s", lines[i], want)
		}
	}
}

// isKilled waits until a process is gone, or only to be reaped. The kernel takes a moment
// to end what was killed.
func isKilled(t *testing.T, pid string) bool {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(pid))
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); <-tick.C {
		stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(n), "stat"))
		if _, rest, _ := strings.Cut(string(stat), ") "); err != nil || strings.HasPrefix(rest, "Z") {
			return true
		}
	}
	return false
}

// TestProgramHangs: it is killed with what it has started, and the next is told.
func TestProgramHangs(t *testing.T) {
	p, file := shell(t, `[ "$DIRECTOR_SEQ" = 1 ] || exit 0; sleep 1000 & echo $! > FILE; wait`, 500*time.Millisecond)
	st, pid := tell(t, p, file, server(1), server(2))
	if st.Failed != 1 || st.Delivered != 1 || !isKilled(t, pid) {
		t.Errorf("%+v, process %s", st, pid)
	}
}

// TestProgramLeavesOthers: what it leaves in its process group ends with it, whether it
// holds its output or not.
func TestProgramLeavesOthers(t *testing.T) {
	for _, to := range []string{"", " >/dev/null 2>&1 </dev/null"} {
		p, file := shell(t, "sleep 1000"+to+" & echo $! > FILE", time.Minute)
		began := time.Now()
		st, pid := tell(t, p, file, server(1))
		if st.Delivered != 1 || !isKilled(t, pid) || time.Since(began) > 30*time.Second {
			t.Errorf("%+v, process %s", st, pid)
		}
	}
}

func TestProgramFails(t *testing.T) {
	for lines, want := range map[string]string{
		"exit 3": "exit status 3", "echo; echo mailbox full >&2; exit 1": "exit status 1: mailbox full",
		"kill -9 $$": "signal: killed", "exec 0<&-; exit 4": "exit status 4",
		"head -c 100000 /dev/zero | tr '\\0' x; exit 5": "exit status 5: xxxxx",
	} {
		p, file := shell(t, lines, time.Minute)
		if st, _ := tell(t, p, file, server(1)); st.Failed != 1 || !strings.HasPrefix(st.Error, want) || len(st.Error) > maxOutput+100 {
			t.Errorf("%s: %+v", lines, st)
		}
	}
	p, file := shell(t, "", 300*time.Millisecond)
	p.Command = []string{"/bin/sleep", "1000"}
	if st, _ := tell(t, p, file, server(1)); st.Error != "it ran for more than 300ms, and was killed" {
		t.Errorf("%+v", st)
	}
	p.Command = []string{"/no/such/program"}
	if st, _ := tell(t, p, file, server(1)); !strings.Contains(st.Error, "no such file") {
		t.Errorf("%+v", st)
	}
}

// TestProgramAtTheEnd: what runs when time is over is killed.
func TestProgramAtTheEnd(t *testing.T) {
	n := New(slog.New(slog.DiscardHandler))
	p, _ := shell(t, "sleep 1000", time.Hour)
	if err := n.Set(Options{Queue: 100, Program: p}); err != nil {
		t.Fatal(err)
	}
	n.Send(server(1))
	n.Send(server(2))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n.Close(ctx)
	if st := n.Status()[0]; st.Lost != 2 {
		t.Errorf("%+v", st)
	}
}

func TestProgramOfAUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user: run the test as root")
	}
	p, file := shell(t, "id -un", time.Minute)
	p.Command, p.User = []string{"/bin/sh", "-c", "id -un >&2; exit 1"}, "nobody"
	if st, _ := tell(t, p, file, server(1)); st.Error != "exit status 1: nobody" {
		t.Errorf("%+v", st)
	}
	p.User = "0"
	if st, _ := tell(t, p, file, server(1)); st.Error != "exit status 1: root" {
		t.Errorf("%+v", st)
	}
}
