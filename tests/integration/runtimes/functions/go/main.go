package main

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do   string `json:"do"`
	Code int    `json:"code"`
}

func handle(ctx context.Context, given event) (any, error) {
	switch given.Do {
	case "boom":
		return nil, errors.New("no")
	case "leave":
		os.Exit(given.Code)
	case "hang":
		time.Sleep(10 * time.Minute)
	case "signal":
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	}
	found, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return map[string]any{"event": given, "request": found.AwsRequestID, "remaining": time.Until(deadline).Milliseconds()}, nil
}

func main() { lambda.Start(handle) }
