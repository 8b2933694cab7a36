package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"testing"
)

// recording is a file of what a running IPVS did; dataplane/testdata and
// scheduler/testdata have a README.md each that says what is in them.
type recording struct {
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
	Desc, IP string
	Got      []decoded

	// Of an open and a send.
	Proto        string
	CAddr, VAddr netip.Addr
	CPort, VPort uint16
	Pkts         []string
	To           *netip.AddrPort
	State        *string
	Delivered    []string
	ClientGot    []string `json:"client_got"`

	Conns *[]entry
	Dests destinations // of behaviour; null: not recorded
}

// entry is one of the connection table.
type entry struct {
	Proto, Client, Virtual, Dest, State string
	Expires                             int
}

// destinations are weight, active and inactive connections of each server: by
// service in a recording of behaviour, of the one service in one of a scheduler.
// A JSON object's order is the kernel's.
type destinations struct {
	known    bool
	services map[string][]string
	only     []string
}

func (d *destinations) UnmarshalJSON(text []byte) error {
	if bytes.Equal(text, []byte("null")) {
		return nil
	}
	d.known, d.services = true, make(map[string][]string)
	dec := json.NewDecoder(bytes.NewReader(text))
	if _, err := dec.Token(); err != nil {
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
		if value[0] == '[' {
			var n [3]int
			if err := json.Unmarshal(value, &n); err != nil {
				return err
			}
			d.only = append(d.only, fmt.Sprint(name, n))
			continue
		}
		var servers destinations
		if err := json.Unmarshal(value, &servers); err != nil {
			return err
		}
		d.services[fmt.Sprint(name)] = servers.only
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
