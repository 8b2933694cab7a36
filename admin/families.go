package admin

import (
	"time"

	"lvsdr/admin/api"
)

var directorMetrics = []metric{
	gauge("info", "The director's version; always 1.", []string{"version"}, func(s *api.Status, out emit) {
		out(1, s.Version)
	}),
	plainGauge("start_time_seconds", "When the director started, in Unix time.",
		func(s *api.Status) float64 { return unixSeconds(s.Started) }),
	plainGauge("config_time_seconds", "When the present configuration was loaded, in Unix time.",
		func(s *api.Status) float64 { return unixSeconds(s.ConfigSince) }),
	plainGauge("alarms", "Things that an operator should act on; director status names them.",
		func(s *api.Status) float64 { return float64(len(s.Alarms)) }),
	gauge("guard", "1 for the state that the guard is in: on, off, or missing because somebody removed it.", []string{"state"},
		func(s *api.Status, out emit) {
			for _, state := range []string{"on", "off", "missing"} {
				out(truth(s.Guard == state), state)
			}
		}),
}

var memoryMetrics = []metric{
	gauge("memory_bytes", "What each part of the process should take of the machine's memory; the sum is process_resident_memory_bytes, or nearly.",
		[]string{"part"}, func(s *api.Status, out emit) {
			for _, p := range s.Memory.Parts {
				out(float64(p.Bytes), p.Name)
			}
		}),
}

var lanMetrics = []metric{
	gauge("interface_up", "1 if frames can pass the interface.", []string{"interface", "role"}, func(s *api.Status, out emit) {
		for _, i := range s.Interfaces {
			out(truth(i.State == "up"), i.Name, i.Role)
		}
	}),
	gauge("vip_owned", "1 if the director answers for the VIP.", []string{"vip"}, func(s *api.Status, out emit) {
		for _, v := range s.VIPs {
			out(truth(v.State == "owned" || v.State == "announcing"), v.Address)
		}
	}),
	gauge("vip_claimants", "Other hosts that were seen claiming the VIP.", []string{"vip"}, func(s *api.Status, out emit) {
		for _, v := range s.VIPs {
			out(float64(len(v.Claimants)), v.Address)
		}
	}),
}

var serverMetrics = []metric{
	serverGauge("server_up", "1 if the real server passes its checks; 0 if it does not, or is not checked yet.",
		func(r *api.RealServer) float64 { return truth(r.Health == "up") }),
	gauge("server_state", "1 for the state that the real server is in; standby is a sorry server that is not needed.",
		[]string{"service", "server", "state"}, func(s *api.Status, out emit) {
			eachServerOf(s, func(service *api.Service, r *api.RealServer) {
				for _, state := range serverStates {
					out(truth(r.State == state), service.Name, r.Address, state)
				}
			})
		}),
	serverGauge("server_resolved", "1 if the real server's MAC address is known.",
		func(r *api.RealServer) float64 { return truth(r.MAC != "") }),
	serverGauge("server_weight", "The weight in effect.",
		func(r *api.RealServer) float64 { return float64(r.Weight) }),
	serverGauge("server_configured_weight", "The weight in the configuration.",
		func(r *api.RealServer) float64 { return float64(r.Configured) }),
	serverGauge("server_active_connections", "Established connections.",
		func(r *api.RealServer) float64 { return float64(r.Active) }),
	serverGauge("server_inactive_connections", "Connections that are not established.",
		func(r *api.RealServer) float64 { return float64(r.Inactive) }),
	serverCounter("server_connections", "Connections that the real server was chosen for.",
		func(r *api.RealServer) float64 { return float64(r.Connections) }),
	serverCounter("server_packets", "Packets sent to the real server.",
		func(r *api.RealServer) float64 { return float64(r.Packets) }),
	serverCounter("server_bytes", "Bytes sent to the real server.",
		func(r *api.RealServer) float64 { return float64(r.Bytes) }),
}

var serverStates = []string{"unknown", "up", "down", "warming", "draining", "maintenance", "standby"}

// serviceMetrics are about who serves a service.
var serviceMetrics = []metric{
	gauge("service_usable_weight", "Sum of the weights of the service's servers that are usable.", []string{"service"},
		func(s *api.Status, out emit) {
			for i := range s.Services {
				out(float64(s.Services[i].Quorum.Weight), s.Services[i].Name)
			}
		}),
	gauge("service_plan", "1 for who serves: the servers that are up (normal), nobody yet (waiting), the sorry server (sorry), too few (few), those that fail their checks (open), nobody (refused).",
		[]string{"service", "plan"}, func(s *api.Status, out emit) {
			for i := range s.Services {
				for _, plan := range []string{"normal", "waiting", "sorry", "few", "open", "refused"} {
					out(truth(s.Services[i].Quorum.Plan == plan), s.Services[i].Name, plan)
				}
			}
		}),
}

var connectionMetrics = []metric{
	gauge("connections", "Connections in the table.", []string{"family"}, func(s *api.Status, out emit) {
		out(float64(s.Connections.Connections-s.Connections.IPv6), "ipv4")
		out(float64(s.Connections.IPv6), "ipv6")
	}),
	plainGauge("connections_half_open", "TCP and SCTP connections that are not established.",
		func(s *api.Status) float64 { return float64(s.Connections.HalfOpen) }),
	plainGauge("connections_udp", "UDP flows in the table.",
		func(s *api.Status) float64 { return float64(s.Connections.UDP) }),
	plainGauge("connection_templates", "Clients of persistent services that are remembered.",
		func(s *api.Status) float64 { return float64(s.Connections.Templates) }),
	plainGauge("connection_places", "Places of the connection table; an IPv6 connection takes two.",
		func(s *api.Status) float64 { return float64(s.Connections.Capacity) }),
	plainGauge("connection_places_used", "Places of the connection table that are taken.",
		func(s *api.Status) float64 { return float64(s.Connections.Used) }),
	plainGauge("connection_table_bytes", "Memory of the connection table.",
		func(s *api.Status) float64 { return float64(s.Connections.Bytes) }),
	plainCounter("connections_inserted", "Connections that were entered into the table.",
		func(s *api.Status) float64 { return float64(s.Connections.Inserted) }),
	plainCounter("connections_refused", "Connections that found no place in the table; they are forwarded all the same.",
		func(s *api.Status) float64 { return float64(s.Connections.Refused) }),
}

var frameMetrics = []metric{
	plainCounter("frames_received", "Frames that came in on the ingress interface; the sum of director_frames_total but for kind extra.",
		func(s *api.Status) float64 { return float64(s.Frames.Received) }),
	plainCounter("frames_lost", "Frames that the kernel dropped because the ring was full.",
		func(s *api.Status) float64 { return float64(s.Frames.Lost) }),
	counter("frames", "Frames by what became of them; docs/operations.md explains each reason.", []string{"kind", "reason"},
		func(s *api.Status, out emit) {
			for _, v := range s.Frames.Verdicts {
				out(float64(v.Frames), v.Kind, v.Reason)
			}
		}),
	plainGauge("fragments_waiting", "Fragments that came before the first one of their datagram.",
		func(s *api.Status) float64 { return float64(s.Fragments.Waiting) }),
	plainCounter("fragments_released", "Fragments that were sent after they had waited.",
		func(s *api.Status) float64 { return float64(s.Fragments.Released) }),
	plainCounter("fragments_lost", "Fragments that waited in vain.",
		func(s *api.Status) float64 { return float64(s.Fragments.Lost) }),
}

func plainGauge(name, help string, of func(*api.Status) float64) metric {
	return gauge(name, help, nil, func(s *api.Status, out emit) { out(of(s)) })
}

func plainCounter(name, help string, of func(*api.Status) float64) metric {
	return counter(name, help, nil, func(s *api.Status, out emit) { out(of(s)) })
}

func serverGauge(name, help string, of func(*api.RealServer) float64) metric {
	return gauge(name, help, []string{"service", "server"}, eachServer(of))
}

func serverCounter(name, help string, of func(*api.RealServer) float64) metric {
	return counter(name, help, []string{"service", "server"}, eachServer(of))
}

func eachServer(of func(*api.RealServer) float64) func(*api.Status, emit) {
	return func(s *api.Status, out emit) {
		eachServerOf(s, func(service *api.Service, r *api.RealServer) { out(of(r), service.Name, r.Address) })
	}
}

// eachServerOf calls fn for all real servers, and sorry servers after those of their
// service.
func eachServerOf(s *api.Status, fn func(*api.Service, *api.RealServer)) {
	for i := range s.Services {
		service := &s.Services[i]
		for j := range service.Servers {
			fn(service, &service.Servers[j])
		}
		if service.SorryServer != nil {
			fn(service, service.SorryServer)
		}
	}
}

func unixSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
