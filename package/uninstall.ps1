<#
.SYNOPSIS
    Removes the igbcx network driver from a Windows test machine.

.DESCRIPTION
    Uninstalls the driver from every device that has it, deletes the driver package from the driver store in all
    versions found there, and lets Windows choose another driver for the devices (for the 82576 Windows may have one of
    its own). With -RemoveCertificate it also takes the package's certificate out of the machine's stores Root and
    TrustedPublisher.

    It can be run again, and does nothing where nothing is left. Nothing is changed with -WhatIf.

    Test signing stays as it is: "bcdedit.exe /set testsigning off" and a restart switch it off.

    Exit code: 0 done, 3010 done but Windows has to be restarted, 1 not done.

.PARAMETER RemoveCertificate
    Also removes the certificate in the .cer file of the package. Other packages signed with it are not trusted then.

.PARAMETER PackagePath
    The folder with igbcx.inf and the certificate; by default the one this script is in.

.EXAMPLE
    .\uninstall.ps1 -RemoveCertificate -WhatIf

    Shows what would be removed.

.NOTES
    Written from Microsoft's documentation and not run on Windows so far. See docs/install.md.
#>
#Requires -Version 5.1
[CmdletBinding(SupportsShouldProcess)]
param(
    [switch] $RemoveCertificate,

    [ValidateNotNullOrEmpty()]
    [string] $PackagePath = $PSScriptRoot
)

. (Join-Path -Path $PSScriptRoot -ChildPath 'common.ps1')

Assert-Administrator

# The store publishes a package under another name (oemNN.inf); what pnputil.exe prints of it is translated.
$packages = @(Get-WindowsDriver -Online | Where-Object -FilterScript {
        (Split-Path -Path $_.OriginalFileName -Leaf) -eq 'igbcx.inf' -and $_.ProviderName -eq 'igbcx'
    })
if ($packages.Count -eq 0) {
    Write-Output -InputObject 'The driver store holds no igbcx package.'
}

$restart = $false
foreach ($package in $packages) {
    $what = "$($package.Driver) (igbcx.inf, version $($package.Version))"
    if ($PSCmdlet.ShouldProcess($what, 'pnputil.exe /delete-driver /uninstall')) {
        $code = Invoke-PnpUtil -Arguments '/delete-driver', $package.Driver, '/uninstall'
        if ($code -eq $RestartRequired) {
            $restart = $true
        }
        elseif ($code -ne 0) {
            throw "pnputil.exe ended with $code. $env:SystemRoot\inf\setupapi.dev.log has the reason."
        }
    }
}
if ($packages.Count -gt 0 -and $PSCmdlet.ShouldProcess('devices', 'pnputil.exe /scan-devices')) {
    $code = Invoke-PnpUtil -Arguments '/scan-devices'
    if ($code -notin 0, $NoMoreItems, $RestartRequired) {
        Write-Warning -Message "pnputil.exe /scan-devices ended with $code."
    }
}

if ($RemoveCertificate) {
    $certificate = Get-PackageCertificate -Path $PackagePath
    if ($null -eq $certificate) {
        throw "There is no .cer file in $PackagePath that says which certificate to remove."
    }
    foreach ($store in Get-CertificateStore) {
        $entry = Join-Path -Path $store -ChildPath $certificate.Thumbprint
        if (-not (Test-Path -LiteralPath $entry)) {
            Write-Verbose -Message "$($certificate.Thumbprint) is not in $store."
        }
        elseif ($PSCmdlet.ShouldProcess($store, "Remove certificate $($certificate.Subject)")) {
            Remove-Item -LiteralPath $entry
        }
    }
}

$inf = Join-Path -Path $PackagePath -ChildPath 'igbcx.inf'
if (Test-Path -LiteralPath $inf) {
    Get-InfDevice -Inf $inf
}
if ($restart) {
    Write-Output -InputObject 'Restart Windows to finish.'
    exit $RestartRequired
}
