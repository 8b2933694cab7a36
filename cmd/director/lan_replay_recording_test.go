package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"testing"
)

// recording is a file of what a running IPVS did. README.md beside each says what
// is in it: dataplane/testdata, scheduler/testdata.
type recording struct {
	Scheduler string
	Scenarios []scenario
}

type scenario struct {
	File  string // of an alternative: the file that it belongs to
	Name  string
	Steps []recordedStep
}

type recordedStep struct {
	Op      string
	Cmd     string   // of a cmd or cfg
	Out     []string // what it printed; nil: not recorded
	RC      int      // its exit code
	Key     string   // of a sysctl
	Value   int
	Seconds float64 // of a sleep

	// Of a pkt.
	Desc string
	IP   string // in hex
	Got  []recordedFrame

	// Of an open or a send.
	Proto        string
	CAddr, VAddr netip.Addr
	CPort, VPort uint16
	Pkts         []string
	To           *netip.AddrPort
	State        string
	Delivered    []string // "-": to nobody
	ClientGot    []string `json:"client_got"`

	// After the step; nil: not recorded.
	Conns *[]tableEntry
	Dests destinations
}

// tableEntry is an entry of the connection table.
type tableEntry struct {
	Proto, Client, Virtual, Dest, State string
	Expires                             int // seconds
}

// destinations are the servers of services, by the services' names in the kernel,
// newest first: address, and weight, active and inactive connections. In a
// recording of a scheduler there is one service, without a name.
type destinations map[string][]string

// UnmarshalJSON keeps the order of an object, which is the kernel's list order.
func (d *destinations) UnmarshalJSON(text []byte) error {
	*d = make(destinations)
	return eachMember(text, func(name string, value json.RawMessage) error {
		if value[0] == '[' {
			return d.add("", name, value)
		}
		(*d)[name] = nil
		return eachMember(value, func(server string, value json.RawMessage) error {
			return d.add(name, server, value)
		})
	})
}

func (d destinations) add(service, server string, numbers json.RawMessage) error {
	var n [3]int
	if err := json.Unmarshal(numbers, &n); err != nil {
		return err
	}
	d[service] = append(d[service], fmt.Sprint(server, n))
	return nil
}

// eachMember calls fn for the members of an object, in their order; null has none.
func eachMember(text []byte, fn func(name string, value json.RawMessage) error) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	if first, err := dec.Token(); err != nil || first == nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		if err := fn(fmt.Sprint(name), value); err != nil {
			return err
		}
	}
	return nil
}

func readRecording(t *testing.T, path string) recording {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r recording
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return r
}
