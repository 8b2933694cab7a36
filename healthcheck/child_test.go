package healthcheck

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// children are programs that tests start: this one again, which does one of
// these instead of testing, until its input ends.
var children = map[string]func(){
	"accept": acceptMain,
	"ask":    askMain,
}

// childName is in the environment of a child.
const childName = "HEALTHCHECK_TEST_CHILD"

type process struct {
	*exec.Cmd
	in  io.Closer
	out *bufio.Reader
}

// startChild runs one of children until the test ends.
func startChild(tb testing.TB, name string, env ...string) *process {
	tb.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(append(os.Environ(), childName+"="+name), env...), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGCONT) // it may be stopped
		in.Close()
		cmd.Wait()
	})
	return &process{Cmd: cmd, in: in, out: bufio.NewReader(out)}
}

// port reads the number that a child prints first.
func (p *process) port(tb testing.TB) uint16 {
	tb.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		tb.Fatal(err)
	}
	port, err := strconv.ParseUint(strings.TrimSpace(line), 10, 16)
	if err != nil {
		tb.Fatal(err)
	}
	return uint16(port)
}

// acceptMain takes connections to any address of the host. Who says nothing is
// waited for; a request of HTTP is answered after answersAfter.
func acceptMain() {
	l, err := net.Listen("tcp4", ":0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if _, err := readHeader(c); err == nil {
					time.Sleep(answersAfter)
					io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				}
			}()
		}
	}()
	io.Copy(io.Discard, os.Stdin)
}

const answersAfter = 100 * time.Millisecond
