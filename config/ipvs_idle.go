package config

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// idleKey is one of the kernel's settings that means nothing here. Its value is
// checked all the same: a setting that the kernel would not take is a mistake.
type idleKey struct {
	name   string
	check  func(value)
	why    string
	remedy string
}

// Why settings mean nothing here.
const (
	noSync  = "connections are not synchronised between directors"
	noNAT   = "there is no NAT"
	noTable = "the tables have a fixed size"
	noEst   = "rates are always measured"
	remove  = "remove it"
	oldName = "it is a name of Linux 2.4"
	sizes   = "set connections: instead"
)

// idleIPVS are the names of net.ipv4.vs.* that some kernel has and that are
// not fields of [IPVS] (Documentation/networking/ipvs-sysctl.rst; the timeout_*
// are of Linux 2.4).
var idleIPVS = []idleKey{
	{"amemthresh", anyNumber, "the defences that start by themselves watch the connection table, not the host's memory", remove},
	{"backup_only", isFlag, noSync + ", so none is a backup", remove},
	{"cache_bypass", isFlag, "a packet that no real server takes is not sent on to where it was addressed", remove},
	{"conn_lfactor", between(-8, 8), noTable, sizes},
	{"conn_max", between(0, 1<<30), noTable, sizes},
	{"conntrack", isFlag, "frames do not pass through the kernel's connection tracking", remove},
	{"debug_level", anyNumber, "the director logs what --log-level says", remove},
	{"est_cpulist", anyText, noEst, remove},
	{"est_nice", between(-20, 19), noEst, remove},
	{"ignore_tunneled", isFlag, "only TCP, UDP, SCTP and ICMP to a VIP are looked at, tunnelled packets never", remove},
	{"nat_icmp_send", isFlag, noNAT, remove},
	{"pmtu_disc", isFlag, "with direct routing a packet that is too long, with DF, is always answered, as in the kernel", remove},
	{"run_estimation", isFlag, noEst, remove},
	{"snat_reroute", isFlag, noNAT, remove},
	{"svc_lfactor", between(-8, 8), noTable, remove},
	{"sync_persist_mode", anyNumber, noSync, remove},
	{"sync_ports", isPowerOfTwo, noSync, remove},
	{"sync_qlen_max", between(0, math.MaxInt), noSync, remove},
	{"sync_refresh_period", between(0, maxSeconds), noSync, remove},
	{"sync_retries", between(0, 3), noSync, remove},
	{"sync_sock_size", anyNumber, noSync, remove},
	{"sync_threshold", isThreshold, noSync, remove},
	{"sync_version", between(0, 1), noSync, remove},
	{"timeout_close", anyNumber, "the state CLOSE always lasts 10s, as in the kernel", remove},
	{"timeout_closewait", anyNumber, "the state CLOSE_WAIT always lasts 60s, as in the kernel", remove},
	{"timeout_established", anyNumber, oldName, "set tcp: of timeouts: instead"},
	{"timeout_finwait", anyNumber, oldName, "set tcpfin: of timeouts: instead"},
	{"timeout_icmp", anyNumber, "ICMP makes no entry", remove},
	{"timeout_lastack", anyNumber, "the state LAST_ACK always lasts 30s, as in the kernel", remove},
	{"timeout_listen", anyNumber, "the state LISTEN always lasts 120s, as in the kernel", remove},
	{"timeout_synack", anyNumber, "the state SYNACK always lasts 120s, as in the kernel", remove},
	{"timeout_synrecv", anyNumber, "the state SYN_RECV always lasts 60s, as in the kernel", remove},
	{"timeout_synsent", anyNumber, "the state SYN_SENT always lasts 120s, as in the kernel", remove},
	{"timeout_timewait", anyNumber, "the state TIME_WAIT always lasts 120s, as in the kernel", remove},
	{"timeout_udp", anyNumber, oldName, "set udp: of timeouts: instead"},
}

// idleNames are the names of idleIPVS.
func idleNames() []string {
	names := make([]string, len(idleIPVS))
	for i, k := range idleIPVS {
		names[i] = k.name
	}
	return names
}

// idle warns of a key that means nothing here, unless its value is a mistake.
func (v value) idle(k idleKey) {
	if k.check(v); !v.failed() {
		v.warn("has no effect: "+k.why, k.remedy)
	}
}

func isFlag(v value) { v.flag(false) }

func anyText(v value) { v.text("write a list of CPUs, such as 0-3") }

func anyNumber(v value) { v.integer(0, math.MinInt32, math.MaxInt32) }

func between(lo, hi int) func(value) { return func(v value) { v.integer(lo, lo, hi) } }

func isPowerOfTwo(v value) {
	if n := v.integer(1, 1, math.MaxInt32); bits.OnesCount(uint(n)) != 1 {
		v.fail(strconv.Itoa(n)+" is not a power of two", "write 1, 2, 4 or another")
	}
}

// isThreshold checks two numbers, as a list or as sysctl prints them, of which
// the first is less than the second, unless that is 0 (proc_do_sync_threshold).
func isThreshold(v value) {
	const remedy = "write two numbers such as 3 50, of which the first is the smaller"
	var words []string
	switch v.node.Kind {
	case yaml.ScalarNode:
		words = strings.Fields(v.node.Value)
	case yaml.SequenceNode:
		for _, n := range v.node.Content {
			words = append(words, n.Value)
		}
	}
	numbers := make([]int, len(words))
	for i, w := range words {
		n, err := strconv.ParseUint(w, 10, 31)
		if err != nil {
			v.wrongType(remedy)
			return
		}
		numbers[i] = int(n)
	}
	switch {
	case len(numbers) != 2:
		v.wrongType(remedy)
	case numbers[0] >= numbers[1] && numbers[1] != 0:
		v.fail(fmt.Sprintf("%d is not less than %d", numbers[0], numbers[1]), remedy)
	}
}
