"""Who schemathesis is, and which refusals of valid data the document announces in words."""

import itertools
import os

import requests
import schemathesis

ORIGIN = os.environ["GATEHOUSE_ORIGIN"]
CLIENT = (os.environ["GATEHOUSE_CLIENT_ID"], os.environ["GATEHOUSE_CLIENT_SECRET"])
numbers = itertools.count()


def post(path, body):
    response = requests.post(ORIGIN + path, json=body, timeout=30)
    response.raise_for_status()
    return response.json()


# Sessions end while they are used, as logging out is among what is fuzzed: a 401 asks for another one
@schemathesis.auth(retry_on=[401]).apply_to(tag=["accounts", "sessions"])
class User:
    def __init__(self):
        self.credentials = None

    def get(self, case, context):
        if self.credentials is None:
            self.credentials = {
                "email": f"fuzzer-{next(numbers)}@example.com",
                "password": "a loom of many threads",
            }
            post("/auth/user/create", self.credentials)
        return post("/api/v1/auth/login", self.credentials)["access_token"]

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.auth(retry_on=[]).apply_to(tag="oauth")
class Client:
    def get(self, case, context):
        return requests.auth._basic_auth_str(*CLIENT)

    def set(self, case, data, context):
        case.headers["Authorization"] = data


# What refuses data that the schemas allow, and where the document says so
PASSWORD = "no common password, not blank, not your email or name"
FORM = "two clients or two ways to authenticate are used"
EMPTY = "One that is empty counts as missing"


def announced(case, response):
    """The words of the document that this refusal is by; None when there are none."""
    body = response.json()
    sent = case.body if isinstance(case.body, dict) else {}
    if response.status_code == 422 and case.operation.tags == ["accounts"]:
        return PASSWORD if {error["field"] for error in body["errors"]} == {"password"} else None
    if body["error_code"] != "OAUTH_REQUEST_INVALID":
        return None
    if sent.get("token") == "":
        return EMPTY
    return FORM if sent.get("client_id") or sent.get("client_secret") else None


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if failure.__class__.__name__ != "RejectedPositiveData":
        return True
    words = announced(case, response)
    return words is None or words not in str(case.operation.schema.raw_schema)
