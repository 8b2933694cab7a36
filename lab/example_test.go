package lab_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"

	"lvsdr/lab"
)

// A LAN outside of a test: two hosts, a program on one of them, and who
// answered the other's ARP request.
func Example() {
	l, err := lab.New()
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()

	client, server, lan := l.Host("client"), l.Host("server"), l.Switch("lan")
	l.Connect(client, lan, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.1/24")})
	wire := l.Connect(server, lan, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.2/24")}).Capture()
	if err := l.Err(); err != nil {
		log.Print(err)
		return
	}

	web := server.Command(context.Background(), "python3", "-m", "http.server", "80")
	if err := web.Start(); err != nil {
		log.Print(err)
		return
	}
	if _, err := web.WaitOutput(context.Background(), "Serving"); err != nil {
		log.Print(err)
		return
	}
	response, err := client.HTTPClient().Get("http://192.0.2.2/")
	if err != nil {
		log.Print(err)
		return
	}
	defer response.Body.Close()
	fmt.Println(response.Status, client.Neighbor(netip.MustParseAddr("192.0.2.2")), len(wire.Frames()))
}
