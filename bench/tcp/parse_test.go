package tcp

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const wrkReport = `Running 1s test @ http://192.0.2.21:80/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     5.68ms    2.24ms  25.95ms   83.67%
    Req/Sec     8.36k     1.23k   10.36k    70.00%
  8321 requests in 1.05s, 1.25MB read
`

func TestParseWrk(t *testing.T) {
	const last = "Requests/sec:   7924.76\nTransfer/sec:      1.19MB\n"
	for _, c := range []struct {
		report string
		want   outcome
	}{
		{wrkReport + last, outcome{done: 8321, time: 1050 * time.Millisecond}},
		{wrkReport + "  Socket errors: connect 1, read 2, write 3, timeout 4\n" + last, outcome{
			done: 8321, failed: 10, time: 1050 * time.Millisecond,
			why: "wrk: Socket errors: connect 1, read 2, write 3, timeout 4",
		}},
		{wrkReport + "  Non-2xx or 3xx responses: 21\n" + last, outcome{
			done: 8300, failed: 21, time: 1050 * time.Millisecond, why: "wrk: Non-2xx or 3xx responses: 21",
		}},
		{"  60 requests in 1.00m, 1KB read\n", outcome{done: 60, time: time.Minute}},
	} {
		if got, err := parseWrk(c.report); err != nil || got != c.want {
			t.Errorf("%+v, error %v, want %+v", got, err, c.want)
		}
	}
	for _, bad := range []string{"", "unable to connect", "  5 requests in 0.00us, 0B read\n"} {
		if got, err := parseWrk(bad); err == nil {
			t.Errorf("%q: %+v", bad, got)
		}
	}
}

func TestParseIperf3(t *testing.T) {
	report := func(sent, received string) string {
		return `{"start": {}, "end": {"sum_sent": {"seconds": 1.0, "bytes": ` + sent + `},
			"sum_received": {"seconds": 1.25, "bytes": ` + received + `}}}`
	}
	o, err := parseIperf3(report("1000", "900"), nil, time.Second)
	if want := (outcome{done: 900, time: 1250 * time.Millisecond}); err != nil || o != want {
		t.Errorf("%+v, error %v, want %+v", o, err, want)
	}
	for name, c := range map[string]struct {
		report string
		failed error
	}{
		"more arrived than was sent": {report("1000", "1001"), nil},
		"too much is missing":        {report("100000000", "1000"), nil},
		"no test":                    {`{"start": {}, "end": {}}`, nil},
		"an error":                   {`{"start": {}, "end": {}, "error": "unable to connect"}`, errors.New("exit status 1")},
		"an exit code":               {report("1000", "900"), errors.New("exit status 1")},
	} {
		o, err := parseIperf3(c.report, c.failed, time.Second)
		if err != nil || o.failed != 1 || o.done != 0 || o.why == "" || o.rate() != 0 {
			t.Errorf("%s: %+v, error %v", name, o, err)
		}
	}
	if _, err := parseIperf3("Segmentation fault", errors.New("signal"), time.Second); err == nil || !strings.Contains(err.Error(), "signal") {
		t.Errorf("no report: error %v", err)
	}
}

func TestAnswerLength(t *testing.T) {
	const header = "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 12\r\n\r\n"
	for text, want := range map[string]int{
		"":                         0,
		header[:len(header)-1]:     0,
		header:                     len(header) + 12,
		header + "real server\nHT": len(header) + 12,
	} {
		if n, err := answerLength([]byte(text)); err != nil || n != want {
			t.Errorf("%q: %d, error %v, want %d", text, n, err, want)
		}
	}
	for _, bad := range []string{
		"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 1\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
	} {
		if n, err := answerLength([]byte(bad)); err == nil {
			t.Errorf("%q: %d", bad, n)
		}
	}
}

func TestWholeSeconds(t *testing.T) {
	for length, want := range map[time.Duration]int{time.Millisecond: 1, time.Second: 1, 1001 * time.Millisecond: 2, 5 * time.Second: 5} {
		if got := wholeSeconds(length); got != want {
			t.Errorf("%v: %d, want %d", length, got, want)
		}
	}
}

func TestBadOptions(t *testing.T) {
	for want, o := range map[string]Options{
		"servers 17: want 1 to 16":                              {Servers: 17},
		"connections -1: want 1 to 1000":                        {Connections: -1},
		"time 1ms: want 50ms to 1m":                             {Time: time.Millisecond},
		"rounds 1001: want 1 to 1000":                           {Rounds: 1001},
		`peer "f5": want some of direct, forwarder, director, `: {Peers: []string{"f5"}},
	} {
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q", o, err, want)
		}
	}
	if err := (Options{}).Validate(); err != nil {
		t.Error(err)
	}
	if err := Quick().Validate(); err != nil {
		t.Error(err)
	}
}
