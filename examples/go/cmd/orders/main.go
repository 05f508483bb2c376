// Command orders is a service that trusts the tokens of your own authsvc: over gRPC on LISTEN, and over
// HTTP, as GET /orders, on LISTEN_HTTP.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	ordersv1 "example.com/authsvc/gen/orders/v1"
	"example.com/authsvc/internal/settings"
	"example.com/authsvc/verifier"
	"google.golang.org/grpc"
)

type orders struct {
	ordersv1.UnimplementedOrderServiceServer
}

func (orders) ListOrders(ctx context.Context, _ *ordersv1.ListOrdersRequest) (*ordersv1.ListOrdersResponse, error) {
	return ordersOf(ctx), nil
}

func ordersOf(ctx context.Context) *ordersv1.ListOrdersResponse {
	owner := verifier.ClaimsFrom(ctx).GetSubject()
	return &ordersv1.ListOrdersResponse{Owner: owner, Items: []string{"a kettle"}}
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	connection, err := settings.Connect()
	if err != nil {
		return err
	}
	defer connection.Close()
	options, err := settings.Options()
	if err != nil {
		return err
	}
	local := verifier.New(connection, options) // begins to follow; until it has heard, callers are told to wait
	defer local.Close()
	guard := &verifier.Guard{
		Verifier: local,
		Scopes:   map[string][]string{ordersv1.OrderService_ListOrders_FullMethodName: {"orders.read"}},
	}
	return serve(guard)
}

func serve(guard *verifier.Guard) error {
	listener, err := net.Listen("tcp", or("LISTEN", "127.0.0.1:50061"))
	if err != nil {
		return err
	}
	web, err := net.Listen("tcp", or("LISTEN_HTTP", "127.0.0.1:8061"))
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(guard.Unary), grpc.StreamInterceptor(guard.Stream))
	ordersv1.RegisterOrderServiceServer(server, orders{})
	mux := http.NewServeMux()
	mux.Handle("GET /orders", guard.HTTP(http.HandlerFunc(listOrders), "orders.read"))

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	failed := make(chan error, 2)
	pages := &http.Server{Handler: mux}
	go func() { failed <- server.Serve(listener) }()
	go func() { failed <- pages.Serve(web) }()
	fmt.Printf("SERVING on %s and http://%s/orders\n", listener.Addr(), web.Addr())
	select {
	case <-ctx.Done():
		server.GracefulStop()
		return errors.Join(pages.Shutdown(context.Background()))
	case err := <-failed:
		return err
	}
}

func listOrders(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(ordersOf(r.Context()))
}

func or(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
