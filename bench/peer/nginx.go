package peer

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// NginxStream starts nginx as a proxy of TCP, in one process: it has one processor.
// Without a master nginx leaves its limit of open files alone, whatever its
// configuration says.
func NginxStream(ctx context.Context, s *Site) (Running, error) {
	path, err := FindProgram("nginx", "nginx-light")
	if err != nil {
		return nil, err
	}
	built, err := exec.CommandContext(ctx, path, "-V").CombinedOutput()
	if err != nil {
		return nil, skip("nginx -V: %w", err)
	}
	module := "load_module modules/ngx_stream_module.so;\n" // as Debian builds it
	if strings.Contains(string(built), "--with-stream ") {
		module = ""
	}
	running, err := startProxy(ctx, s,
		func(directory string) string { return module + s.nginxConfig(directory) },
		func(file string) []string { return []string{path, "-e", "stderr", "-c", file} })
	if err != nil && strings.Contains(err.Error(), "ngx_stream_module.so") {
		return nil, skip("nginx has no stream module: apt-get install libnginx-mod-stream")
	}
	if err != nil {
		return nil, err
	}
	if err := moreFiles(running.process.PID()); err != nil {
		return nil, errors.Join(err, running.Stop())
	}
	return running, nil
}

func (s *Site) nginxConfig(directory string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `daemon off;
master_process off;
error_log stderr;
pid %s/nginx.pid;
events { worker_connections 9000; }
stream {
`, directory)
	for i := range s.Services {
		service := &s.Services[i]
		fmt.Fprintf(&b, "\tupstream port%d {\n", service.Port)
		for _, server := range service.Servers {
			fmt.Fprintf(&b, "\t\tserver %v:%d;\n", server.Addr, service.Port)
		}
		fmt.Fprintf(&b, "\t}\n\tserver { listen %s backlog=65535; proxy_pass port%d; }\n", s.listener(service), service.Port)
	}
	b.WriteString("}\n")
	return b.String()
}
