// A function under AWS's Go runtime. What it does is in the event: {"do": "echo" | "stream" | "break" | "fail" | "wait"}.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

func handle(ctx context.Context, event map[string]string) (any, error) {
	switch event["do"] {
	case "fail":
		return nil, errors.New("no")
	case "stream", "break":
		reader, writer := io.Pipe()
		go func() {
			for n := range 3 {
				fmt.Fprintf(writer, "piece %d;", n)
				time.Sleep(50 * time.Millisecond)
			}
			if event["do"] == "break" {
				writer.CloseWithError(errors.New("broken in the middle"))
				return
			}
			writer.Close()
		}()
		return reader, nil
	case "wait": // until there is a file of that name
		for {
			if _, err := os.Stat(event["gate"]); err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	about, _ := lambdacontext.FromContext(ctx)
	return map[string]any{"event": event, "id": about.AwsRequestID, "arn": about.InvokedFunctionArn}, nil
}

func main() {
	if os.Getenv("GRACEFUL") == "" {
		lambda.Start(handle)
	}
	lambda.StartWithOptions(handle, lambda.WithEnableSIGTERM(func() { fmt.Println("graceful") }))
}
