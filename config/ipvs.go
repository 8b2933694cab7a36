package config

import (
	"math"
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"
)

// maxSeconds is the most that the kernel takes where it counts in jiffies
// (proc_dointvec_jiffies, HZ 1000).
const maxSeconds = math.MaxInt32 / 1000

// ipvs reads the mapping behind ipvs. Its keys and values are the kernel's; def
// has what it leaves out.
func (v value) ipvs(def IPVS) IPVS {
	s := v.section(ipvsKeys)
	for _, k := range idleIPVS {
		if v := s.get(k.name); v.present() {
			v.idle(k)
		}
	}
	return IPVS{
		SloppyTCP:               s.get("sloppy_tcp").flag(def.SloppyTCP),
		SloppySCTP:              s.get("sloppy_sctp").flag(def.SloppySCTP),
		ConnReuseMode:           s.get("conn_reuse_mode").integer(def.ConnReuseMode, 0, 3),
		ExpireNodestConn:        s.get("expire_nodest_conn").flag(def.ExpireNodestConn),
		ExpireQuiescentTemplate: s.get("expire_quiescent_template").flag(def.ExpireQuiescentTemplate),
		ScheduleICMP:            s.get("schedule_icmp").flag(def.ScheduleICMP),
		SecureTCP:               s.get("secure_tcp").integer(def.SecureTCP, 0, 3),
		DropEntry:               s.get("drop_entry").integer(def.DropEntry, 0, 3),
		DropPacket:              s.get("drop_packet").integer(def.DropPacket, 0, 3),
		AmDropRate:              s.get("am_droprate").integer(def.AmDropRate, 1, math.MaxInt32),
		LBLCExpiration:          s.get("lblc_expiration").seconds(def.LBLCExpiration),
		LBLCRExpiration:         s.get("lblcr_expiration").seconds(def.LBLCRExpiration),
	}
}

// flag reads a switch as the kernel has it, a number that is 0 or not, or in
// this file's words.
func (v value) flag(def bool) bool {
	if !v.present() {
		return def
	}
	if v.node.Kind == yaml.ScalarNode && v.node.Style == 0 && isDecimal(v.node.Value) {
		if n, err := strconv.ParseInt(v.node.Value, 10, 32); err == nil {
			return n != 0
		}
	}
	on, ok := switches[v.node.Value]
	if v.node.Kind != yaml.ScalarNode || !ok {
		v.wrongType("write 0 or 1")
		return def
	}
	return on
}

// seconds reads a number of seconds, as the kernel has them: without a unit.
func (v value) seconds(def time.Duration) time.Duration {
	return time.Duration(v.integer(int(def/time.Second), 1, maxSeconds)) * time.Second
}
