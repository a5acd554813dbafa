"""SAM and CloudFormation templates as configuration: text -> values that are known here -> functions and mappings as pollerd.yaml has them.

What comes out is a tree with the template's places, read and checked like any other file. What a template says and cannot be had here
is a ``Notice`` where it starts nothing, and a problem where a function would miss it. Nothing is contacted or created.

Sources: CloudFormation User Guide, Template reference and Intrinsic function reference; AWS SAM Developer Guide, Specification.
"""
