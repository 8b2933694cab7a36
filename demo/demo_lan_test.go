package demo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"lvsdr/lab"
)

// timeLimit is how long the demo may take.
const timeLimit = 30 * time.Second

// director builds the real program once, and returns where it is.
var director = sync.OnceValues(func() (string, error) {
	directory, err := os.MkdirTemp("", "demo")
	if err != nil {
		return "", err
	}
	path := filepath.Join(directory, "director")
	build := exec.Command("go", "build", "-o", path, "lvsdr/cmd/director")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build director: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	flag.Parse()
	// Demos mostly wait, so more of them may run beside each other than there
	// are processors.
	flag.Set("test.parallel", "8")
	code := m.Run()
	if path, err := director(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// program returns the director's program, or skips the test where it could not
// make a LAN.
func program(t *testing.T) string {
	t.Helper()
	lab.ForTest(t)
	path, err := director()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// demonstration is a running `director demo`. Whatever it starts inherits the
// mark in its environment, so that what it leaves can be found.
type demonstration struct {
	*exec.Cmd
	mark string
	out  bytes.Buffer
}

func demonstrate(t *testing.T, args ...string) *demonstration {
	d := &demonstration{
		Cmd:  exec.Command(program(t), append([]string{"demo"}, args...)...),
		mark: fmt.Sprintf("LVSDR_DEMO_TEST=%d-%s", os.Getpid(), t.Name()),
	}
	d.Env = append(os.Environ(), d.mark)
	t.Cleanup(func() {
		for _, pid := range d.left(t) {
			t.Errorf("process %s is left", pid)
		}
	})
	return d
}

// left lists the processes of the demonstration that still run.
func (d *demonstration) left(t *testing.T) (pids []string) {
	paths, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		environment, err := os.ReadFile(path)
		if err == nil && bytes.Contains(environment, []byte(d.mark+"\x00")) {
			pids = append(pids, filepath.Base(filepath.Dir(path)))
		}
	}
	return pids
}

// follow starts the demonstration, piped, and calls each with its lines until
// it ends. It returns the exit code.
func (d *demonstration) follow(t *testing.T, each func(line string)) int {
	t.Helper()
	pipe, err := d.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errOut bytes.Buffer
	d.Stderr = &errOut
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(2*timeLimit, func() { d.Process.Kill() })
	defer kill.Stop()
	lines := bufio.NewScanner(io.TeeReader(pipe, &d.out))
	for lines.Scan() {
		each(lines.Text())
	}
	err = d.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Error(err)
	}
	if t.Failed() || d.ProcessState.ExitCode() < 0 {
		t.Logf("%s%s", d.out.String(), errOut.String())
	}
	d.out.Write(errOut.Bytes())
	return d.ProcessState.ExitCode()
}

// wanted is what a run has to show, in this order.
var wanted = []string{
	`── 1  A LAN of five hosts ─`,
	`│ client  .* │ director  `,
	`│ 02:00:00:00:00:01 │ +│ 02:00:00:00:00:02 │`,
	`═ 192\.0\.2\.0/24 ═`,
	`│ web1  .* │ web2  .* │ web3  `,
	`│ lo: 192\.0\.2\.10/32 │ +│ lo: 192\.0\.2\.10/32 │ +│ lo: 192\.0\.2\.10/32 │`,
	`web1 # director realserver apply --vip 192\.0\.2\.10`,
	`director # director run --config director\.yaml`,
	`── 2  Who has 192\.0\.2\.10\? ─`,
	`director 02:00:00:00:00:02 → all      ff:ff:ff:ff:ff:ff  192\.0\.2\.10, anybody\?`,
	`director 02:00:00:00:00:02 → all      ff:ff:ff:ff:ff:ff  192\.0\.2\.10 is at me`,
	`director   eth0 192\.0\.2\.2/24     lo 127\.0\.0\.1/8$`,
	`web3       eth0 192\.0\.2\.23/24    lo 127\.0\.0\.1/8, 192\.0\.2\.10/32$`,
	`✓ nobody has it on the LAN`,
	`client 02:00:00:00:00:01 → all      ff:ff:ff:ff:ff:ff  who has 192\.0\.2\.10\?`,
	`director 02:00:00:00:00:02 → client   02:00:00:00:00:01  192\.0\.2\.10 is at me`,
	`✓ one answer`,
	`── 3  Requests spread`,
	`client 02:00:00:00:00:01 → director 02:00:00:00:00:02  SYN$`,
	`director 02:00:00:00:00:02 → web\d     02:00:00:00:00:2\d  SYN$`,
	`web\d 02:00:00:00:00:2\d → client   02:00:00:00:00:01  SYN,ACK$`,
	`✓ web\d answers the client itself`,
	`web1    █+▏ +40   33 %`, `web2    █+▏ +40   33 %`, `web3    █+▏ +40   33 %`,
	`✓ 120 of 120 answered`,
	`requests   client ──▶ director ──▶ servers   \d+ frames in, \d+ out`,
	`replies    client ◀────────────── servers   \d+ frames; the director saw 0$`,
	`── 4  A server dies ─`,
	`failed  `,
	`a web2 stops   b noticed`,
	`Noticed after \d+ ms`,
	`✓ since then 0 of \d+ failed`,
	`── 5  It comes back ─`,
	`✓ since it came back 0 of \d+ failed`,
	`── 6  What the director says ─`,
	`TCP  192\.0\.2\.10:80 rr`,
	`-> 192\.0\.2\.22:80 +Route +1 .* up `,
	`── 7  The end ─`,
	`✓ everything is removed`,
}

// check compares what a run showed with the story.
func check(t *testing.T, lines []string) {
	t.Helper()
	rest := lines
	for _, pattern := range wanted {
		expression := regexp.MustCompile(pattern)
		i := 0
		for i < len(rest) && !expression.MatchString(rest[i]) {
			i++
		}
		if i == len(rest) {
			t.Fatalf("no line like %q follows in\n%s", pattern, strings.Join(lines, "\n"))
		}
		rest = rest[i+1:]
	}
}

func TestLANDemo(t *testing.T) {
	t.Parallel()
	d := demonstrate(t, "--requests", "120")
	started := time.Now()
	code := d.follow(t, func(string) {})
	out := d.out.String()
	if took := time.Since(started); code != 0 || took > timeLimit {
		t.Errorf("exit code %d after %v, at most %v allowed", code, took, timeLimit)
	}
	check(t, strings.Split(out, "\n"))
	if strings.ContainsAny(out, "\x1b\r") {
		t.Error("escape sequences or carriage returns, though piped")
	}
	story, _, _ := strings.Cut(out, "── 6 ") // ipvsadm's columns are wider
	for line := range strings.Lines(story) {
		if utf8.RuneCountInString(line) > 81 || strings.TrimRight(line, " \n") != strings.TrimRight(line, "\n") {
			t.Errorf("more than 80 columns, or spaces at the end: %q", line)
		}
	}
}

func TestLANDemoOnTerminal(t *testing.T) {
	t.Parallel()
	d := demonstrate(t, "--requests", "120")
	master, slave := openTerminal(t)
	d.Env = append(d.Env, "TERM=xterm", "NO_COLOR=")
	d.Stdout = slave
	started := time.Now()
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	_, err := io.Copy(&d.out, master) // ends with EIO
	if err != nil && !errors.Is(err, unix.EIO) {
		t.Error(err)
	}
	if err := d.Wait(); err != nil || time.Since(started) > timeLimit {
		t.Errorf("%v after %v", err, time.Since(started))
	}
	raw := d.out.String()
	for what, sequence := range map[string]string{"colour": "\x1b[36m", "animation": "\x1b[3A"} {
		if !strings.Contains(raw, sequence) {
			t.Errorf("no %s on a terminal", what)
		}
	}
	check(t, terminal(raw))
}

// openTerminal returns the two ends of a pseudoterminal of 100 columns.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	master = os.NewFile(uintptr(fd), "ptmx")
	t.Cleanup(func() { master.Close() })
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 100})
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// TestLANDemoInterrupted: Ctrl-C removes everything, wherever it comes.
func TestLANDemoInterrupted(t *testing.T) {
	for _, at := range []string{"director demo", "cat director.yaml", "anybody?", "300 requests", "150 requests a second"} {
		t.Run(strings.ReplaceAll(at, " ", "-"), func(t *testing.T) {
			t.Parallel()
			d := demonstrate(t)
			var interrupted time.Time
			code := d.follow(t, func(line string) {
				if interrupted.IsZero() && strings.Contains(line, at) {
					interrupted = time.Now()
					d.Process.Signal(os.Interrupt)
				}
			})
			if interrupted.IsZero() {
				t.Fatalf("no line with %q", at)
			}
			out := d.out.String()
			if took := time.Since(interrupted); code != 1 || took > 5*time.Second ||
				!strings.Contains(out, "✓ everything is removed") || !strings.HasSuffix(out, "director: demo: interrupted\n") {
				t.Errorf("exit code %d, %v after the signal\n%s", code, took, out)
			}
		})
	}
}

// TestLANDemoStays runs the commands that it prints.
func TestLANDemoStays(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"nsenter", "sleep"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%v: it comes with every Debian (util-linux, coreutils)", err)
		}
	}
	d := demonstrate(t, "--stay", "--requests", "3")
	entered := regexp.MustCompile(`^ +(\w+) +(nsenter -n -m -t \d+) (\S+) (.*)$`)
	seen := 0
	var last time.Time
	code := d.follow(t, func(line string) {
		m := entered.FindStringSubmatch(line)
		if m == nil {
			return
		}
		seen++
		command := ""
		switch {
		case m[1] == "director":
			command = m[2] + " " + m[3] + " status"
		case strings.Contains(m[4], "realserver check"):
			command = m[2] + " " + m[3] + " " + m[4]
		}
		if command != "" {
			out, err := exec.Command("sh", "-c", command).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "192.0.2.10") {
				t.Errorf("%s: %v\n%s", command, err, out)
			}
		}
		if strings.Contains(line, "realserver check") { // the last one
			last = time.Now()
			d.Process.Signal(os.Interrupt)
		}
	})
	if code != 0 || seen != 4 || time.Since(last) > 5*time.Second {
		t.Errorf("exit code %d, %d commands\n%s", code, seen, d.out.String())
	}
}

// TestLANDemoTellsWhatDoesNotHold runs it with real servers that are set up
// wrongly.
func TestLANDemoTellsWhatDoesNotHold(t *testing.T) {
	director := program(t)
	for name, test := range map[string]struct{ apply, want string }{
		"fails":             {`echo no luck >&2; exit 1`, "step 1, a lan of five hosts: web1: "},
		"does nothing":      {`exit 0`, "web1 has the wrong addresses"},
		"answers for it":    {`"$director" "$@" && echo 0 >/proc/sys/net/ipv4/conf/all/arp_ignore && echo 0 >/proc/sys/net/ipv4/conf/eth0/arp_ignore`, "says: 192.0.2.10 is at me"},
		"director is a cat": {"", "step 1, a lan of five hosts: director run ended by itself"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script := "#!/bin/sh\ndirector=" + director + "\nif [ \"$1\" = realserver ]; then\n" + test.apply + "\nexit\nfi\nexec \"$director\" \"$@\"\n"
			if test.apply == "" {
				script = "#!/bin/sh\n[ \"$1\" = realserver ]\n"
			}
			path := filepath.Join(t.TempDir(), "director")
			if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			err := Run(context.Background(), Options{Program: path, Out: &out})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want …%s…", err, test.want)
			}
			if text := out.String(); !strings.Contains(text, "✗") || !strings.Contains(text, "✓ everything is removed") {
				t.Error(text)
			}
		})
	}
}
