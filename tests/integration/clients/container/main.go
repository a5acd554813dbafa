// A function for an image from scratch, and its extension: the same program, by its name.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do   string `json:"do"`
	What string `json:"what"`
	Code int    `json:"code"`
}

var calls = 0

func handle(ctx context.Context, given event) (any, error) {
	calls++
	switch given.Do {
	case "boom":
		return nil, errors.New("no")
	case "leave":
		os.Exit(given.Code)
	case "hang":
		time.Sleep(10 * time.Minute)
	case "signal":
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	case "everybody":
		_ = syscall.Kill(-1, syscall.SIGKILL)
		time.Sleep(10 * time.Minute)
	case "big":
		return strings.Repeat("x", 7<<20), nil
	case "stream":
		reader, writer := io.Pipe()
		go func() {
			fmt.Fprint(writer, "one;")
			time.Sleep(time.Duration(given.Code) * time.Second)
			fmt.Fprint(writer, "two;")
			writer.Close()
		}()
		return reader, nil
	case "print":
		for n := range given.Code {
			fmt.Println("line", n)
		}
	case "hog":
		held := bytes.Repeat([]byte{1}, given.Code<<20)
		time.Sleep(10 * time.Minute)
		return held[0], nil
	case "write":
		return nil, os.WriteFile(given.What, bytes.Repeat([]byte{1}, given.Code), 0o600)
	case "read":
		content, err := os.ReadFile(given.What)
		return string(content), err
	case "size":
		found, err := os.Stat(given.What)
		if err != nil {
			return nil, err
		}
		return found.Size(), nil
	case "metadata":
		url := "http://" + os.Getenv("AWS_LAMBDA_METADATA_API") + "/2026-01-15/metadata/execution-environment"
		ask, _ := http.NewRequestWithContext(ctx, "GET", url, nil)
		ask.Header.Set("Authorization", given.What+os.Getenv("AWS_LAMBDA_METADATA_TOKEN"))
		answer, err := http.DefaultClient.Do(ask)
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close()
		content, err := io.ReadAll(answer.Body)
		return map[string]any{"status": answer.StatusCode, "body": string(content)}, err
	case "dial":
		connection, err := net.DialTimeout("tcp", given.What, time.Second)
		if err != nil {
			return nil, err
		}
		defer connection.Close()
		content, err := io.ReadAll(connection)
		return string(content), err
	}
	found, _ := lambdacontext.FromContext(ctx)
	folder, _ := os.Getwd()
	return map[string]any{
		"calls": calls, "event": given, "request": found.AwsRequestID, "user": os.Getuid(), "pid": os.Getpid(),
		"environment": os.Environ(), "arguments": os.Args, "folder": folder,
	}, nil
}

func extend() {
	url := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2020-01-01/extension/"
	register, _ := http.NewRequest("POST", url+"register", strings.NewReader(`{"events": ["INVOKE", "SHUTDOWN"]}`))
	register.Header.Set("Lambda-Extension-Name", filepath.Base(os.Args[0]))
	answer, err := http.DefaultClient.Do(register)
	if err != nil {
		panic(err)
	}
	for {
		next, _ := http.NewRequest("GET", url+"event/next", nil)
		next.Header.Set("Lambda-Extension-Identifier", answer.Header.Get("Lambda-Extension-Identifier"))
		told, err := http.DefaultClient.Do(next)
		if err != nil {
			panic(err)
		}
		var event struct{ EventType, ShutdownReason string }
		_ = json.NewDecoder(told.Body).Decode(&event)
		fmt.Println("extension", event.EventType, event.ShutdownReason)
		if event.EventType == "SHUTDOWN" {
			return
		}
	}
}

func main() {
	if strings.HasPrefix(os.Args[0], "/opt/extensions/") {
		extend()
		return
	}
	lambda.Start(handle)
}
