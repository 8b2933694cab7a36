package healthcheck

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// health answers as a gRPC server: a message, then a status.
func health(message []byte, status, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
		if message != nil {
			w.Write(frameGRPC(message))
		}
		w.Header().Set("Grpc-Status", status)
		w.Header().Set("Grpc-Message", text)
	}
}

func TestGRPC(t *testing.T) {
	serving, notServing := []byte{8, 1}, []byte{8, 2}
	raw := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc+proto")
			w.Header().Set("Trailer", "Grpc-Status")
			io.WriteString(w, body)
			w.Header().Set("Grpc-Status", "0")
		}
	}
	short := spec("grpc")
	short.Timeout = 100 * time.Millisecond
	for _, tt := range []struct {
		name   string
		handle http.HandlerFunc
		ok     bool
		want   string
	}{
		{"up", health(serving, "0", ""), true, "SERVING"},
		{"not serving", health(notServing, "0", ""), false, "NOT_SERVING"},
		{"unknown", health([]byte{}, "0", ""), false, "UNKNOWN"},
		{"an odd status", health([]byte{8, 9}, "0", ""), false, "serving status 9"},
		{"unknown service", health(nil, "5", "unknown"), false, `does not know the service ""`},
		{"no health service", health(nil, "12", "unimplemented"), false, "does not know grpc.health.v1"},
		{"unavailable", health(nil, "14", "draining"), false, "gRPC status 14 draining"},
		{"a message and a failure", health(serving, "13", "oops"), false, "gRPC status 13 oops"},
		{"no message", health(nil, "0", ""), false, "not one gRPC message"},
		{"garbage", health([]byte("garbage"), "0", ""), false, "not a HealthCheckResponse"},
		{"cut short", raw("\x00\x00\x00\x00\x09\x08\x01"), false, "not one gRPC message"},
		{"compressed", raw("\x01\x00\x00\x00\x02\x08\x01"), false, "compressed"},
		{"no gRPC", hello, false, "HTTP 200, no gRPC"},
		{"not found", http.NotFound, false, "HTTP 404, no gRPC"},
		{"no status", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			w.Write(frameGRPC(serving))
		}, false, "without a gRPC status"},
		{"slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, false, "no answer within"},
		{"endless", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<14)); err != nil {
					return
				}
			}
		}, false, "gRPC"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := spec("grpc")
			if tt.name == "slow" {
				s = short
			}
			r := check(t, s, newWebServer(t, nil, true, tt.handle).Target)
			if r.OK != tt.ok || !strings.Contains(r.Message, tt.want) {
				t.Errorf("got %+v, want %v, %q", r, tt.ok, tt.want)
			}
		})
	}
	for name, target := range map[string]Target{
		"refused": refused(t), "never answers": listen(t, hold), "closes": listen(t, func(net.Conn) {}),
		"HTTP/1.1 only": newWebServer(t, nil, false, hello).Target,
	} {
		if r := check(t, short, target); r.OK {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestGRPCRequest: what a server is asked, with TLS and without.
func TestGRPCRequest(t *testing.T) {
	a := newSigner(t)
	cert := a.issue(t, "grpc.example.org", aYear())
	soon := a.issue(t, "grpc.example.org", time.Now().Add(time.Hour))
	ask := func(w *webServer, change func(*Spec)) Result {
		s := spec("grpc")
		s.Service, s.Host = "example.Greeter", "grpc.example.org"
		change(&s)
		return check(t, s, w.Target)
	}
	secure := func(s *Spec) { s.TLS, s.CA = true, a.file }
	var body []byte
	var header http.Header
	handle := func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		header = r.Header
		health([]byte{8, 1}, "0", "")(w, r)
	}
	for name, r := range map[string]Result{
		"h2c": ask(newWebServer(t, nil, true, handle), func(*Spec) {}),
		"TLS": ask(newWebServer(t, &cert, true, handle), secure),
	} {
		if !r.OK || r.Warning != "" || !bytes.Equal(body, []byte("\x00\x00\x00\x00\x11\x0a\x0fexample.Greeter")) ||
			header.Get("Content-Type") != "application/grpc" || header.Get("Te") != "trailers" {
			t.Errorf("%s: %+v, asked %q with %v", name, r, body, header)
		}
	}
	if r := ask(newWebServer(t, &soon, true, handle), secure); !r.OK || r.Warning == "" {
		t.Errorf("certificate that ends soon: %+v", r)
	}
	if r := ask(newWebServer(t, &cert, true, handle), func(s *Spec) { s.TLS, s.CA, s.ServerName = true, a.file, "www.example.org" }); r.OK {
		t.Errorf("another name: %+v", r)
	}
	if r := ask(newWebServer(t, &cert, false, handle), secure); r.OK {
		t.Errorf("no HTTP/2: %+v", r)
	}
}

func TestGRPCValidate(t *testing.T) {
	for field, change := range map[string]func(*Spec){
		"host":        func(s *Spec) { s.Host = "a b" },
		"server_name": func(s *Spec) { s.TLS = true },
		"ca":          func(s *Spec) { s.CA = "/etc/passwd" },
		"insecure":    func(s *Spec) { s.Insecure = true },
	} {
		s := spec("grpc")
		change(&s)
		if errs := s.Validate(); len(errs) != 1 || errs[0].Field != field || errs[0].Remedy == "" {
			t.Errorf("%s: %v", field, errs)
		}
	}
}

// FuzzHealthResponse compares with a reader that looks at one byte after the
// other, and takes frames apart that it has made.
func FuzzHealthResponse(f *testing.F) {
	for _, s := range []string{"", "\x08\x01", "\x08\x02\x08\x01", "\x12\x01x\x08\x01", "\x0d\x01\x02\x03\x04", "\x09", "\x0a\xff\xff\xff\xff\x0f", "\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		if got, err := unframeGRPC(frameGRPC(message)); err != nil || !bytes.Equal(got, message) {
			t.Fatalf("%x: framed and back %x, %v", message, got, err)
		}
		unframeGRPC(message)
		got, err := servingStatus(message)
		want, ok := slowStatusOf(bytes.NewReader(message))
		if ok != (err == nil) || ok && got != want {
			t.Fatalf("%x: %d, %v; the slow reader says %d, %v", message, got, err, want, ok)
		}
	})
}

func slowStatusOf(in *bytes.Reader) (status uint64, ok bool) {
	for in.Len() > 0 {
		tag, err := binary.ReadUvarint(in)
		if err != nil || tag>>3 == 0 {
			return 0, false
		}
		var skip uint64
		switch tag & 7 {
		case 0:
			v, err := binary.ReadUvarint(in)
			if err != nil {
				return 0, false
			}
			if tag>>3 == 1 {
				status = v
			}
			continue
		case 1:
			skip = 8
		case 5:
			skip = 4
		case 2:
			if skip, err = binary.ReadUvarint(in); err != nil {
				return 0, false
			}
		default:
			return 0, false
		}
		if tag>>3 == 1 || skip > uint64(in.Len()) {
			return 0, false
		}
		in.Seek(int64(skip), io.SeekCurrent)
	}
	return status, true
}
